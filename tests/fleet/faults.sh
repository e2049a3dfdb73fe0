# Faults of the fleet's servers and processes: each must be told by `/readyz`, by a metric and in the log, cost customers no more than
# it has to, and be over soon after its end. tests/fleet/run.sh sources this file.
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

# Whether a process says this of itself.
says() {
    grep -q "$2" <<<"$(curl -s -m 5 "$(url_of "$1")/readyz")"
}

is_silent() {
    ! says "$1" "$2"
}

# Whether a metric of a process, with these labels, fulfils a condition on `v`, in all or any of its series.
shows() {
    curl -s -m 5 "$(url_of "$1")/metrics" | awk -v name="$2" '$1 ~ "^" name { v = $NF; if ('"$3"') found = 1 } END { exit !found }'
}

logs() {
    grep -q "$2" "$scratch/$1.log"
}

# A fault is told: process, what its readiness says, metric, its condition, and what is in its log.
is_told() {
    within 60 "/readyz of $1 says: $2" says "$1" "$2"
    within 60 "$3 of $1" shows "$1" "$3" "$4"
    within 60 "the log of $1 says: $5" logs "$1" "$5"
}

broker_away() {
    tests/kafka/broker.sh stop "$scratch/kafka"
    is_told orders "event bus" vantage_outbox_retries_total 'v >= 0' "event bus not available" &
    local telling=$! started=$SECONDS
    # Orders are placed and cancelled meanwhile.
    storefront buy
    storefront buy
    wait "$telling"
    [ "$(waiting_events)" -gt 0 ] || fail "no event waits"
    within 70 "the broker has been away for a minute" minute_is_over "$started"
    echo "  $(waiting_events) events wait"
    tests/kafka/broker.sh start "$scratch/kafka" "$kafka"
    within 30 "nothing waits" nothing_waits
    within 10 "/readyz of orders is silent" is_silent orders "event bus"
}

minute_is_over() {
    [ $((SECONDS - $1)) -ge 60 ]
}

nothing_waits() {
    [ "$(waiting_events)" -eq 0 ]
}
