# Faults of the fleet's servers and processes: each is told by `/readyz`, by a metric and in the log, leaves alone what does not need
# what is away, and is over soon after its end. tests/fleet/run.sh sources this file.
# shellcheck shell=bash
# shellcheck disable=SC2154 # The script sets them.

# Waits until it is so, for at most this many seconds.
within() {
    local patience="$1" what="$2" started=$SECONDS
    shift 2
    until "$@"; do
        [ $((SECONDS - started)) -lt "$patience" ] || fail "not within $patience s: $what"
        sleep 0.3
    done
    echo "  $what ($((SECONDS - started)) s)"
}

# Whether the readiness of a process names the part.
is_degraded() {
    curl -s -m 5 "$(url_of "$1")/readyz" | grep -q "^degraded: $2"
}

is_whole() {
    ! is_degraded "$@"
}

# Whether a metric of a process, with these labels, is at least this, or 0 if that is 0.
shows() {
    curl -s -m 5 "$(url_of "$1")/metrics" |
        awk -v name="$2" -v least="$3" 'index($1, name) == 1 && (least > 0 ? $NF >= least : $NF == 0) { found = 1 } END { exit !found }'
}

logs() {
    grep -q "$2" "$scratch/$1.log"
}

# A fault is told: by this process, of this part, by this metric, and in the log. Requests that do not need the part are answered.
is_told() {
    local process="$1" part="$2" metric="$3" least="$4" line="$5"
    within 60 "/readyz of $process says: $part" is_degraded "$process" "$part"
    within 60 "$metric shows it" shows "$process" "$metric" "$least"
    within 10 "its log says: $line" logs "$process" "$line"
    curl -sf -m 5 "$(url_of "$process")/readyz" >/dev/null || fail "$process is not ready"
}

broker_is_away() {
    local left=$SECONDS
    tests/kafka/broker.sh stop "$scratch/kafka"
    storefront buy
    is_told orders "event bus" vantage_outbox_waiting 1 "event bus not available"
    sleep $((60 > SECONDS - left ? 60 - (SECONDS - left) : 0))
    tests/kafka/broker.sh start "$scratch/kafka" "$kafka"
    within 30 "none wait any more" nothing_waits
    within 10 "/readyz of orders is silent" is_whole orders "event bus"
    storefront journey
}

nothing_waits() {
    [ "$(waiting_events)" -eq 0 ]
}

# As another system could send it.
message_is_no_event() {
    echo "no event" | tests/kafka/broker.sh tool "$scratch/kafka" org.apache.kafka.tools.ConsoleProducer \
        --bootstrap-server "$kafka_brokers" --topic orders.events
    within 60 "vantage_bus_dead_letters_total shows it" shows tracking vantage_bus_dead_letters_total 1
    within 10 "its log says: message is not an event" logs tracking "message is not an event"
    storefront journey
}

# It stands still: connections to it stay open.
redis_is_away() {
    kill -STOP "$redis_pid"
    is_told tracking Redis vantage_redis_up 0 "Redis does not answer"
    is_told router-1 Redis vantage_redis_up 0 "Redis does not answer"
    storefront account
    kill -CONT "$redis_pid"
    within 30 "/readyz of tracking is silent" is_whole tracking Redis
    within 30 "/readyz of router-1 is silent" is_whole router-1 Redis
    storefront journey
}

subgraph_is_killed() {
    stop pricing KILL
    local request='{"query":"{ exchangeRate(to: EUR) { rate } }"}' number
    for number in {1..12}; do
        curl -s -m 5 -o /dev/null "$(url_of router-1)/graphql" --json "$request"
    done
    is_told router-1 "subgraph pricing" 'router_circuit_opened_total{subgraph="pricing"}' 1 "circuit breaker opened"
    start_process pricing subgraph pricing
    until_answers "$(url_of pricing)/readyz" pricing
    within 30 "/readyz of router-1 is silent" is_whole router-1 "subgraph pricing"
    storefront journey
}

bucket_is_away() {
    stop s3 KILL
    is_told returns "object store" vantage_object_store_up 0 "object store not available"
    storefront account
    serve_s3
    within 60 "/readyz of returns is silent" is_whole returns "object store"
    storefront journey
}

search_is_away() {
    tests/search-nodes/node.sh kill "$scratch/search"
    is_told search "search index" vantage_search_index_failures_total 1 "the search index cannot be updated"
    storefront account
    tests/search-nodes/node.sh start opensearch-2.19 "$scratch/search" "$search"
    within 60 "/readyz of search is silent" is_whole search "search index"
    storefront journey
}
