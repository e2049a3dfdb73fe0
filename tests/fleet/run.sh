#!/usr/bin/env bash
# The whole fleet of deploy/compose.yaml without containers: two routers and six subgraphs on PostgreSQL, Redis, Kafka, OpenSearch,
# S3 and a collector of traces, all real, on this machine's loopback address.
#
#   tests/fleet/run.sh up         starts it, prints its addresses, and stops it with Ctrl-C
#   tests/fleet/run.sh check      starts it, checks it, stops it, and makes alerts fire (deploy/drill.sh); about 30 minutes
#   tests/fleet/run.sh install    only downloads and builds the servers, once; S3's takes minutes
#
# `vantage` is $VANTAGE, or the last build. Needs PostgreSQL, Redis, Java 17 or newer, Maven, Go, Node.js 20 or newer, curl, jq and
# unzip; the alerts Prometheus and Python, too. With its servers the fleet takes 2.5 GB of memory.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/servers.sh
source tests/fleet/processes.sh
source tests/fleet/faults.sh
source tests/objects/versitygw.sh

readonly domains=(pricing search orders returns notifications tracking) routers=(router-1 router-2)
readonly bucket=vantage access_key=fleet secret_key=secret-of-the-fleet
cache="${XDG_CACHE_HOME:-$HOME/.cache}/vantage/fleet"
scratch="" vantage="" secret="" database_url="" redis_url="" kafka_brokers=""
kafka="" search="" sandbox="" s3="" otlp=""
declare -A port_of=()
settings=()

main() {
    case "${1:-}" in
        install) install ;;
        up | check)
            trap finish EXIT
            trap 'exit 130' INT
            trap 'exit 143' TERM
            require node java mvn go curl jq unzip redis-cli
            require_databases
            choose_owner
            find_vantage
            install
            scratch="$(mktemp -d "${TMPDIR:-/tmp}/vantage-fleet.XXXXXX")"
            chmod 755 "$scratch"
            "$1"
            ;;
        *) fail "usage: tests/fleet/run.sh up | check | install" ;;
    esac
}

up() {
    start_backends
    start_fleet
    local name
    printf '\n'
    printf '%-16s%s\n' "router" "$(url_of router-1)/graphql" "router" "$(url_of router-2)/graphql" \
        "sandbox" "http://127.0.0.1:$sandbox" "PostgreSQL" "$database_url" "Redis" "$redis_url" "Kafka" "$kafka_brokers" \
        "OpenSearch" "http://127.0.0.1:$search" "S3" "http://127.0.0.1:$s3/$bucket" "traces" "$scratch/spans.jsonl" \
        "logs" "$scratch/*.log"
    for name in "${domains[@]}"; do
        printf '%-16s%s\n' "$name" "$(url_of "$name")/graphql"
    done
    printf '\nA token of the demo customer:\n%s\n\nStop it with Ctrl-C.\n' "$(run token --demo)"
    # A signal ends `wait`, not `sleep`.
    start idle sleep infinity
    wait "${pids[idle]}"
}

check() {
    run_check "PostgreSQL, Redis, Kafka, OpenSearch, S3 and the collector answer" start_backends
    run_check "six subgraphs, two routers and the sandbox are ready" start_fleet
    run_check "a customer's journey through both routers" journey
    run_check "its events went through Kafka, and are handled" events_were_handled
    run_check "one trace of seven processes in the collector's file" trace_is_whole
    run_check "a restored backup gives the same bytes" restore_gives_the_same
    run_check "Kafka is away for a minute" broker_is_away
    run_check "a message in Kafka is no event" message_is_no_event
    run_check "Redis stands still" redis_is_away
    run_check "a subgraph is killed" subgraph_is_killed
    run_check "S3 is away" bucket_is_away
    run_check "OpenSearch is killed" search_is_away
    run_check "the databases fit each other" run check
    stop_fleet
    if command -v prometheus >/dev/null && command -v python3 >/dev/null; then
        run_check "alerts fire and are resolved" env "VANTAGE=$vantage" deploy/drill.sh
    else
        results+=("skipped|alerts fire and are resolved: Prometheus or Python is not installed|")
    fi
}

finish() {
    local status=$?
    trap - EXIT
    set +e
    if [ "$status" -ne 0 ] && [ "$status" -ne 130 ] && [ -n "$scratch" ]; then
        tail -n 5 "$scratch"/*.log >&2
    fi
    stop_all
    [ -n "$scratch" ] && [ -d "$scratch/kafka" ] && tests/kafka/broker.sh stop "$scratch/kafka"
    [ -n "$scratch" ] && [ -d "$scratch/search" ] && tests/search-nodes/node.sh stop "$scratch/search"
    stop_servers
    [ -n "$scratch" ] && rm -rf "$scratch"
    print_results
    exit "$status"
}

fail() {
    echo "error: $*" >&2
    exit 1
}

# --- servers ---------------------------------------------------------------------------------------------

install() {
    tests/kafka/broker.sh install
    tests/search-nodes/node.sh install opensearch-2.19
    mkdir -p "$cache"
    if [ ! -x "$(collector)" ]; then
        echo "building the collector"
        go build -C tests/fleet/collector -o "$(collector).new" .
        mv "$(collector).new" "$(collector)"
    fi
    install_versitygw
}

# The collector's binary, by its sources.
collector() {
    echo "$cache/otelcol-$(cat tests/fleet/collector/{go.mod,go.sum,main.go} | sha256sum | cut -c 1-16)"
}

start_backends() {
    secret="$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')"
    start_postgres
    start_redis
    redis_url="$VANTAGE_TEST_REDIS_URL"
    database_url="${VANTAGE_TEST_POSTGRES_URL%/*}/vantage"
    query 'CREATE DATABASE vantage'
    take_ports kafka 3
    take_ports search 2
    take_ports otlp
    take_ports s3
    kafka_brokers="127.0.0.1:$kafka"
    tests/kafka/broker.sh start "$scratch/kafka" "$kafka"
    tests/search-nodes/node.sh start opensearch-2.19 "$scratch/search" "$search"
    start_collector
    start_s3
}

query() {
    "$postgres_bin/psql" --quiet --no-psqlrc --set=ON_ERROR_STOP=1 "$VANTAGE_TEST_POSTGRES_URL" --command "$1"
}

start_collector() {
    cat >"$scratch/collector.yaml" <<CONF
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:$otlp" } } } }
exporters: { file: { path: "$scratch/spans.jsonl" } }
service:
  telemetry: { metrics: { level: none } }
  pipelines: { traces: { receivers: [otlp], exporters: [file] } }
CONF
    start collector "$(collector)" --config "file:$scratch/collector.yaml"
    until_open "$otlp" collector
}

start_s3() {
    # The metadata must lie neither in the folder of the objects nor beside it under a name that begins alike.
    mkdir -p "$scratch/s3/objects" "$scratch/s3/metadata"
    serve_s3
    curl -sf --aws-sigv4 aws:amz:us-east-1:s3 --user "$access_key:$secret_key" \
        -H "x-amz-content-sha256: $(printf '' | sha256sum | cut -d' ' -f1)" -X PUT "http://127.0.0.1:$s3/$bucket"
    echo "S3 answers on port $s3"
}

serve_s3() {
    start s3 "$versitygw" --access "$access_key" --secret "$secret_key" --port "127.0.0.1:$s3" \
        posix --sidecar "$scratch/s3/metadata" "$scratch/s3/objects"
    until_open "$s3" s3
}

# Waits until the process accepts connections.
until_open() {
    until (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do
        kill -0 "${pids[$2]}" 2>/dev/null || fail "$2 did not start: $(tail -n 3 "$scratch/$2.log")"
        sleep 0.2
    done
}

# --- the fleet -------------------------------------------------------------------------------------------

url_of() {
    echo "http://127.0.0.1:${port_of[$1]}"
}

# Runs a command with the fleet's settings.
run() {
    (cd "$scratch" && exec env -i "${settings[@]}" "$vantage" "$@")
}

start_fleet() {
    local name values port
    take_ports sandbox
    for name in "${domains[@]}" "${routers[@]}"; do
        take_ports port
        port_of[$name]="$port"
    done
    values="$(compose_settings deploy/compose.yaml)"
    mapfile -t settings <<<"$values"
    settings+=(
        "PATH=$PATH"
        "VANTAGE_DATA=$scratch/data/command"
        VANTAGE_DEMO__ORDERS=300
        # A debug build on a busy machine is slow.
        VANTAGE_ROUTER__DEADLINE=30s VANTAGE_SUBGRAPHS__CALL_TIMEOUT=20s VANTAGE_SUBGRAPHS__LIMITS__DEADLINE=30s
        VANTAGE_SEARCH__ENGINE=opensearch "VANTAGE_SEARCH__URL=http://127.0.0.1:$search"
        "VANTAGE_OBJECTS__S3__BUCKET=$bucket" VANTAGE_OBJECTS__S3__REGION=us-east-1
        "VANTAGE_OBJECTS__S3__ENDPOINT=http://127.0.0.1:$s3"
        "VANTAGE_OBJECTS__S3__ACCESS_KEY_ID=$access_key" "VANTAGE_OBJECTS__S3__SECRET_ACCESS_KEY=$secret_key"
        "VANTAGE_TELEMETRY__OTLP__ENDPOINT=http://127.0.0.1:$otlp"
    )
    start sandbox env -i "PATH=$PATH" VANTAGE_MODE=development "VANTAGE_DATA=$scratch/data/sandbox" \
        "$vantage" sandbox --listen "127.0.0.1:$sandbox"
    until_answers "http://127.0.0.1:$sandbox/mail" sandbox
    run migrate
    run seed
    start_processes
}

start_processes() {
    local name
    for name in "${domains[@]}"; do
        start_process "$name" subgraph "$name"
    done
    for name in "${domains[@]}"; do
        until_answers "$(url_of "$name")/readyz" "$name"
        echo "$name is ready"
    done
    for name in "${routers[@]}"; do
        start_process "$name" serve --router-only
        until_answers "$(url_of "$name")/readyz" "$name"
        echo "$name is ready"
    done
}

start_process() {
    local name="$1"
    shift
    start "$name" env -i "${settings[@]}" "VANTAGE_DATA=$scratch/data/$name" "VANTAGE_PUBLIC_URL=$(url_of "$name")" \
        "$vantage" "$@" --listen "127.0.0.1:${port_of[$name]}"
}

stop_processes() {
    local name
    for name in "${routers[@]}" "${domains[@]}"; do
        stop "$name"
    done
}

# The drill needs the processor.
stop_fleet() {
    stop_processes
    stop_all
    tests/kafka/broker.sh stop "$scratch/kafka"
    tests/search-nodes/node.sh stop "$scratch/search"
}

# --- checks ----------------------------------------------------------------------------------------------

storefront() {
    local command="$1"
    shift
    node tests/fleet/storefront.mjs "$command" --token "$(run token --demo)" "$@" "$(url_of router-1)" "$(url_of router-2)"
}

journey() {
    storefront journey --labels "http://127.0.0.1:$s3/$bucket/"
}

# Of the orders, returns, prices and products that the journey and the demo shop changed.
events_were_handled() {
    local topics started=$SECONDS
    topics="$(tests/kafka/broker.sh tool "$scratch/kafka" org.apache.kafka.tools.TopicCommand \
        --bootstrap-server "$kafka_brokers" --list)"
    printf '%s\n' "$topics"
    grep -q '^orders\.' <<<"$topics" || fail "there is no topic of orders"
    # Nothing waits in an outbox.
    until [ "$(waiting_events)" -eq 0 ]; do
        [ $((SECONDS - started)) -lt 90 ] || fail "$(waiting_events) events still wait to be published"
        sleep 0.5
    done
}

waiting_events() {
    local domain total=0 count
    for domain in "${domains[@]}"; do
        count="$(curl -sf "$(url_of "$domain")/metrics" |
            awk '/^vantage_outbox_(waiting|dead_letters)[{ ]/ { found = 1; n += $NF } END { print found ? n : 1 }')"
        total=$((total + count))
    done
    echo "$total"
}

# A client's trace of a query that all subgraphs answer, from the router to the databases.
trace_is_whole() {
    local trace started=$SECONDS services statements
    trace="$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')"
    storefront account --traceparent "00-$trace-00f067aa0ba902b7-01"
    while :; do
        services="$(services_of "$trace")"
        [ "$(wc -l <<<"$services")" -lt 7 ] || break
        [ $((SECONDS - started)) -lt 60 ] || fail "the trace $trace has only: $services"
        sleep 0.5
    done
    statements="$(spans_of "$trace" | jq -s '[.[] | select(any(.attributes[]?; .key == "db.query.text"))] | length')"
    [ "$statements" -gt 0 ] || fail "the trace $trace has no SQL statement"
    printf 'trace %s with %s SQL statements:\n%s\n' "$trace" "$statements" "$services"
}

# The spans of a trace, a line for each, with the name of their service. The collector may be writing the last line.
spans_of() {
    jq -c --arg trace "$1" '
        .resourceSpans[]
        | (.resource.attributes[] | select(.key == "service.name") | .value.stringValue) as $service
        | .scopeSpans[].spans[] | select(.traceId == $trace) | . + {service: $service}' "$scratch/spans.jsonl" 2>/dev/null || true
}

services_of() {
    spans_of "$1" | jq -r .service | sort -u
}

restore_gives_the_same() {
    local target="${VANTAGE_TEST_POSTGRES_URL%/*}"
    read_until_still "$scratch/before"
    # As docs/production.md says for PostgreSQL. With S3, and keys that are set, nothing is in the processes' directories.
    "$postgres_bin/pg_dump" --format=custom --file="$scratch/backup.dump" "$database_url"
    [ ! -e "$scratch/data" ] || fail "the processes have written files: $(find "$scratch/data" -type f | head -n 4)"
    echo "backed up: $(wc -l <"$scratch/before") answers"

    storefront journey
    storefront read >"$scratch/changed"
    ! cmp -s "$scratch/before" "$scratch/changed" || fail "the journey changed nothing"
    stop_processes
    query 'DROP DATABASE vantage WITH (FORCE)'
    query 'CREATE DATABASE vantage'

    "$postgres_bin/pg_restore" --no-owner --dbname="$target/vantage" "$scratch/backup.dump"
    # Caches of what happened after the backup.
    redis-cli -u "$redis_url" FLUSHALL >/dev/null
    start_processes
    storefront read >"$scratch/after"
    cmp "$scratch/before" "$scratch/after" || fail "the restored shop answers otherwise: $(diff "$scratch/before" "$scratch/after" | head -n 4)"
    echo "restored: the same $(wc -c <"$scratch/after") bytes"
}

# Reads until two answers are the same, so that nothing caused by the journey is under way.
read_until_still() {
    local file="$1" started=$SECONDS
    storefront read >"$file"
    while :; do
        sleep 2
        storefront read >"$file.next"
        ! cmp -s "$file" "$file.next" || break
        [ $((SECONDS - started)) -lt 90 ] || fail "the shop does not come to rest"
        mv "$file.next" "$file"
    done
}

main "$@"
