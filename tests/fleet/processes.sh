# Processes of Vantage for scripts, which source this file: started under names, with a log each in the directory `scratch`, which
# the script sets. The script calls `stop_all` at its end. `take_ports` also needs tests/servers.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154 # The script sets them.

declare -A pids=()
taken=" "

# Sets the variable `vantage` to the binary in $VANTAGE, or to that of the last build.
find_vantage() {
    local build
    vantage="${VANTAGE:-}"
    for build in release debug; do
        [ -n "$vantage" ] || [ ! -x "${CARGO_TARGET_DIR:-target}/$build/vantage" ] || vantage="${CARGO_TARGET_DIR:-target}/$build/vantage"
    done
    [ -n "$vantage" ] || { echo "error: build vantage first, or set VANTAGE" >&2 && exit 1; }
    vantage="$(realpath "$vantage")"
}

require() {
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || { echo "error: $tool is missing" >&2 && exit 1; }
    done
}

# Sets a variable to a free port that has so many free ones after it, itself included, and that nothing else here has.
take_ports() {
    local variable="$1" count="${2:-1}" first other
    while :; do
        first="$(free_port)"
        for ((other = first; other < first + count; other++)); do
            [[ "$taken" != *" $other "* ]] || continue 2
            ! (exec 3<>"/dev/tcp/127.0.0.1/$other") 2>/dev/null || continue 2
        done
        break
    done
    for ((other = first; other < first + count; other++)); do
        taken+="$other "
    done
    printf -v "$variable" %s "$first"
}

# Starts a process under a name. Its output goes to its log.
start() {
    local name="$1"
    shift
    (cd "$scratch" && exec "$@") >>"$scratch/$name.log" 2>&1 </dev/null &
    pids[$name]=$!
}

# Sends a signal, TERM by default, and waits for the end.
stop() {
    [ -n "${pids[$1]:-}" ] || return 0
    kill -"${2:-TERM}" "${pids[$1]}" 2>/dev/null || true
    wait "${pids[$1]}" 2>/dev/null || true
    unset "pids[$1]"
}

stop_all() {
    local name
    for name in "${!pids[@]}"; do
        kill -CONT "${pids[$name]}" 2>/dev/null || true
        kill "${pids[$name]}" 2>/dev/null || true
    done
    for name in "${!pids[@]}"; do
        stop "$name"
    done
}

# Waits until the process, if one is named, answers at the address.
until_answers() {
    local url="$1" name="${2:-}" started=$SECONDS
    until curl -sf -m 5 "$url" >/dev/null; do
        if [ $((SECONDS - started)) -gt 120 ] || { [ -n "$name" ] && ! kill -0 "${pids[$name]}" 2>/dev/null; }; then
            tail -n 5 "$scratch"/*.log >&2
            echo "error: $url does not answer" >&2
            exit 1
        fi
        sleep 0.2
    done
}

# Prints the settings of a compose file, a line for each. What it takes from its environment, and its addresses, are replaced by
# the variables database_url, redis_url, kafka_brokers, secret and sandbox (the port), and by the ports in `port_of`, if the
# subgraphs have any.
compose_settings() {
    local name value domain
    while IFS='=' read -r name value; do
        value="${value#\"}" value="${value%\"}"
        case "$name" in
            VANTAGE_DATABASE_URL) value="$database_url" ;;
            VANTAGE_REDIS_URL) value="$redis_url" ;;
            VANTAGE_KAFKA__BROKERS) value="${kafka_brokers:-}" ;;
            VANTAGE_SUBGRAPH_SECRET | VANTAGE_AUTH__DEVELOPMENT_SECRET) value="$secret" ;;
            VANTAGE_SUBGRAPHS__*__URL)
                domain="${name#VANTAGE_SUBGRAPHS__}" domain="${domain%__URL}" domain="${domain,,}"
                [ -n "${port_of[$domain]:-}" ] || continue
                value="http://127.0.0.1:${port_of[$domain]}/graphql"
                ;;
        esac
        value="${value//\/\/sandbox:4000/\/\/127.0.0.1:$sandbox}"
        # shellcheck disable=SC2016 # The text of a variable.
        case "$value" in
            *'${'*) echo "error: $1: nothing replaces the variable of $name" >&2 && exit 1 ;;
        esac
        printf '%s=%s\n' "$name" "$value"
    done < <(sed -n '/^x-environment:/,/^x-subgraph:/s/^  \(VANTAGE_[A-Z0-9_]*\): *\(.*\)$/\1=\2/p' "$1")
}

# --- what was checked ------------------------------------------------------------------------------------

results=()
step=""

# Runs a check under a name, for the table at the end.
run_check() {
    local started=$SECONDS
    step="$1"
    shift
    printf '\n== %s\n' "$step"
    "$@"
    results+=("passed|$step|$((SECONDS - started)) s")
    step=""
}

# Ends the table with what failed, if something did.
print_results() {
    local line fields
    [ -z "$step" ] || results+=("FAILED|$step|")
    printf '\n'
    for line in "${results[@]}"; do
        IFS='|' read -ra fields <<<"$line"
        printf '%-8s%-80s%s\n' "${fields[0]}" "${fields[1]}" "${fields[2]:-}"
    done
}
