# Private PostgreSQL and Redis servers for scripts, which source this file: on free ports, in the directory `scratch`, which the
# script sets before it starts one. The script defines `fail`, and calls `stop_servers` at its end.
# shellcheck shell=bash
# shellcheck disable=SC2154 # The script sets them.

owner=""
as_owner=()
postgres_bin=""
postgres_running=""
redis_server=""
redis_pid=""

is_root() {
    [ "$(id -u)" -eq 0 ]
}

require_databases() {
    local missing=()
    find_postgres || missing+=(postgresql)
    find_redis || missing+=(redis-server)
    [ ${#missing[@]} -eq 0 ] && return
    if ! is_root || ! command -v apt-get >/dev/null; then
        fail "missing: ${missing[*]}; install them (on Debian: sudo apt-get install ${missing[*]}) and run this again"
    fi
    install_packages "${missing[@]}"
    find_postgres || fail "PostgreSQL's initdb and pg_ctl are not where its package puts them"
    find_redis || fail "redis-server is not on the PATH after its package was installed"
}

install_packages() {
    # Debian's packages would start system servers; this policy file prevents that.
    local policy=/usr/sbin/policy-rc.d ours=""
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        ours=1
    fi
    local status=0
    {
        apt-get -q update &&
            DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "$@"
    } </dev/null || status=$?
    [ -n "$ours" ] && rm -f "$policy"
    [ "$status" -eq 0 ] || fail "apt-get could not install $*"
}

# Finds the newest server; Debian does not put its programs on the PATH.
find_postgres() {
    local directory
    while read -r directory; do
        if [ -x "$directory/initdb" ] && [ -x "$directory/pg_ctl" ]; then
            postgres_bin="$directory"
            return 0
        fi
    done < <(
        printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV
        pg_config --bindir 2>/dev/null || true
        dirname "$(command -v initdb || echo /nowhere/initdb)"
    )
    return 1
}

find_redis() {
    redis_server="$(command -v redis-server || command -v valkey-server)"
}

# Sets the user that runs the servers, and how to switch to it: PostgreSQL refuses to run as root, and the
# working directory may be inaccessible to that user.
choose_owner() {
    is_root || return 0
    owner=nobody
    if id postgres >/dev/null 2>&1; then
        owner=postgres
    fi
    as_owner=(env -C / setpriv --reuid="$(id -u "$owner")" --regid="$(id -g "$owner")" --clear-groups)
}

give_to_owner() {
    if [ -n "$owner" ]; then
        chown "$owner" "$@"
    fi
}

# A currently free port. Another process may take it first, so callers retry.
free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    echo "$port"
}

start_postgres() {
    local data="$scratch/postgres" socket="$scratch/socket" password port
    password="$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')"
    mkdir -m 700 "$data" "$socket"
    (umask 077 && echo "$password" >"$scratch/password")
    give_to_owner "$data" "$socket" "$scratch/password"
    "${as_owner[@]}" "$postgres_bin/initdb" --pgdata="$data" --username=vantage --pwfile="$scratch/password" \
        --auth=scram-sha-256 --encoding=UTF8 --locale=C --no-sync >"$scratch/initdb.log" 2>&1 ||
        { cat "$scratch/initdb.log" >&2 && fail "initdb failed"; }
    # Durability is not needed.
    cat >>"$data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = '$socket'
max_connections = 500
fsync = off
synchronous_commit = off
full_page_writes = off
log_min_messages = fatal
CONF
    for _ in 1 2 3 4 5; do
        port="$(free_port)"
        if "${as_owner[@]}" "$postgres_bin/pg_ctl" -D "$data" -l "$data/log" -o "-p $port" -w -t 60 start >/dev/null 2>&1; then
            postgres_running=1
            export VANTAGE_TEST_POSTGRES_URL="postgres://vantage:$password@127.0.0.1:$port/postgres"
            return
        fi
    done
    cat "$data/log" >&2
    fail "PostgreSQL did not start"
}

start_redis() {
    local port
    mkdir -m 700 "$scratch/redis"
    give_to_owner "$scratch/redis"
    for _ in 1 2 3 4 5; do
        port="$(free_port)"
        "${as_owner[@]}" "$redis_server" --port "$port" --bind 127.0.0.1 --save "" --appendonly no \
            --dir "$scratch/redis" >"$scratch/redis.log" 2>&1 &
        redis_pid=$!
        if redis_answers "$port"; then
            export VANTAGE_TEST_REDIS_URL="redis://127.0.0.1:$port"
            return
        fi
        kill "$redis_pid" 2>/dev/null || true
    done
    cat "$scratch/redis.log" >&2
    fail "Redis did not start"
}

# Waits until the started server responds or has exited.
redis_answers() {
    local port="$1" reply
    while kill -0 "$redis_pid" 2>/dev/null; do
        if { exec 3<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null; then
            printf 'PING\r\n' >&3
            read -r -t 5 reply <&3 || reply=""
            exec 3>&-
            [ "$reply" = $'+PONG\r' ] && return 0
        fi
        sleep 0.05
    done
    return 1
}

stop_servers() {
    if [ -n "$redis_pid" ]; then
        # It may have been made to stand still.
        kill -CONT "$redis_pid" 2>/dev/null || true
        kill "$redis_pid" 2>/dev/null || true
        wait "$redis_pid" 2>/dev/null || true
    fi
    if [ -n "$postgres_running" ]; then
        "${as_owner[@]}" "$postgres_bin/pg_ctl" -D "$scratch/postgres" -m immediate stop >/dev/null || true
    fi
}
