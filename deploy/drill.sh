#!/usr/bin/env bash
# Makes alerts fire for real, and resolve again: in a shop of its own with simulated third parties, watched by a Prometheus
# with the rules of deploy/prometheus/rules. Windows are shortened from minutes to seconds; thresholds are not changed.
#
#   deploy/drill.sh [--keep]        --keep leaves everything running until Ctrl-C, to look at it
#
# Needs a build of vantage ($VANTAGE, or the last build), prometheus, redis-server, curl, jq and python3. About 20 minutes.
#
# The other alerts are covered by deploy/prometheus/tests, because:
#   MessagesUnreadable: only Kafka carries other systems' messages; tests/fleet/run.sh sends one, and sees its metric
#   OperationsRejected: expensive operations would have to hold their share for seconds, and a subgraph that hangs is soon not asked
#   WorkerDown: background tasks only end by errors of ours, which tests inject
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

source tests/fleet/processes.sh
source deploy/drill_problems.sh
source deploy/drill_rows.sh
source deploy/drill_shops.sh
vantage=""
find_vantage
require prometheus redis-server redis-cli curl jq prlimit python3

# Ports below those that outgoing connections use.
shop=14500 shop_admin=14501 pricing=14502 pricing_admin=14503 sandbox=14504 redis=14505 identity=14506 prometheus=14507
partner=14508 search=14509 tracking=14510
scratch="$(mktemp -d)"
token="" product="" parcel="" return_id="" webhook="" secret=""
seen=() through=()

main() {
    trap finish EXIT
    trap 'exit 130' INT TERM
    cp -r router-config "$scratch/"
    mkdir "$scratch/identity"
    echo '{"keys":[]}' >"$scratch/identity/keys.json"
    start_all

    drill "pricing does not run" "InstanceDown SubgraphFailing GraphqlErrorRate CanaryFailing" kill_pricing query_prices start_pricing
    drill "pricing hangs" "GraphqlLatency" hang_pricing true continue_pricing
    drill "the disk for pricing's log is full" "LogLinesLost" fill_log query_prices restart_pricing
    drill "pricing's database is locked" "DatabaseNotWritable" lock_pricing true unlock_database
    drill "the database of returns is locked" "ReturnsErrorRate" lock_returns label_return unlock_database
    drill "few file descriptors are left" "FileDescriptorsExhausted" limit_descriptors true raise_descriptors
    drill "a task of another version" "TaskDeadLetters" write_task true discard_task
    drill "a flags file that is not valid" "FileNotUsable" break_flags true restore_flags
    drill "carriers answer 503" "CarrierPollsFailing CarrierOutage ThirdPartyDown" fail_carriers true heal_third_parties
    drill "Stripe answers 503 now and then" "PaymentProviderRetries" disturb_stripe place_order heal_third_parties
    drill "Stripe answers 503" "PaymentProviderFailing" fail_stripe place_order heal_third_parties
    drill "payments cannot be created" "TaskFailing" fail_payments place_failing_order heal_third_parties
    drill "payments lose their tasks" "PaymentTaskMissing" lose_tasks true heal_third_parties
    drill "Stripe has another amount" "PaymentMismatch" true charge_another_amount true
    drill "a rate that moves too far" "ExchangeRateHeld" move_rate true restore_rate
    drill "no exchange rates for two hours" "ExchangeRateStale ScheduledJobFailing" age_rates true heal_third_parties
    drill "a scheduled price that is none" "ScheduledPriceChangeFailed" true schedule_nonsense true
    drill "forged webhooks" "WebhooksForged" true forge_webhooks true
    drill "signed webhooks that are no JSON" "WebhooksNotApplied" true sign_garbage true
    drill "live connections that break" "WebSocketErrors" break_sockets true close_sockets
    drill "live connections that are silent" "HeartbeatTimeouts" open_silent_sockets true close_sockets
    drill "no keys from the identity provider" "KeySetNotFetched" stop_identity true start_identity
    drill "Redis does not answer" "RedisNotAnswering EventsDelayed" stop_redis send_persisted continue_redis
    drill "Redis loses its data" "EventsLostByBus" true lose_events true
    drill "more connections than allowed" "ConnectionsRefused" open_connections true close_connections

    drill "a partner's server fails" "PartnerWebhookDelayed PartnerWebhookDeadLetters" fail_partner place_old_order replay_to_partner
    drill "a partner's server wants no more" "PartnerWebhookDisabled" leave_partner place_order resume_partner
    drill "an event that its consumer cannot read" "EventDeadLetters" receive_garbage true mend_garbage

    drill "S3 and OpenSearch are away" "ObjectStoreDown SearchIndexBehind" lose_stores true restart_shop
    drill "more is asked than may run" "Overloaded" allow_little ask_much restore_limits
    drill "search is slow" "SearchLatency" split_search slow_search join_search
    drill "tracking does not come back" "LiveUpdatesLost" lose_tracking true join_tracking
    drill "Redis is slow" "LiveUpdatesDelayed" watch_order move_slowly stop_watching
    drill "8,100 live connections" "WebSocketCapacity" open_many_sockets true close_many_sockets

    drill "EasyPost is slow" "EasyPostLatency" delay_easypost buy_label heal_third_parties
    drill "nobody decided for two days" "SupportQueueOverdue" age_reviews true close_reviews
    drill "returns do not go on" "ReturnsWithoutScan ReturnsNeedSupport RefundsInDoubt" age_returns true refund_returns

    printf '\n%s alerts fired and resolved: %s\n' "${#seen[@]}" "${seen[*]}"
    if [ "${1:-}" = --keep ]; then
        echo "Prometheus: http://127.0.0.1:$prometheus/alerts, shop: http://127.0.0.1:$shop/"
        sleep infinity
    fi
}

# Causes a problem, repeats what shows it until all these alerts fire, ends it, and waits until they are resolved.
drill() {
    local name="$1" alerts="$2" cause="$3" repeat="$4" end="$5" alert
    printf '\n== %s\n' "$name"
    "$cause"
    for alert in $alerts; do
        wait_for "$alert fires" fires "$alert" "$repeat"
    done
    "$end"
    for alert in $alerts; do
        wait_for "$alert is resolved" is_silent "$alert" "$(if [ "$repeat" = query_prices ]; then echo query_prices; else echo true; fi)"
        seen+=("$alert")
    done
}

wait_for() {
    local what="$1" condition="$2" alert="$3" repeat="$4" started=$SECONDS
    until "$condition" "$alert"; do
        if [ $((SECONDS - started)) -gt 300 ]; then
            echo "error: not within 5 minutes: $what" >&2
            curl -s "http://127.0.0.1:$prometheus/api/v1/alerts" | jq -c '.data.alerts[] | [.state, .annotations.summary]' >&2
            tail -n 3 "$scratch"/*.log >&2
            exit 1
        fi
        "$repeat"
        sleep 0.3
    done
    echo "$what ($((SECONDS - started)) s)"
}

fires() {
    curl -s "http://127.0.0.1:$prometheus/api/v1/alerts" |
        jq -e --arg name "$1" 'any(.data.alerts[]; .labels.alertname == $name and .state == "firing")' >/dev/null
}

is_silent() {
    ! fires "$1"
}

# --- processes -------------------------------------------------------------------------------------------

start_all() {
    start redis redis-server --port "$redis" --bind 127.0.0.1 --save "" --appendonly no
    start_identity
    secret="$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')"
    settings=(
        "PATH=$PATH"
        "VANTAGE_DATA=$scratch/data"
        VANTAGE_DEMO__ORDERS=300
        "VANTAGE_REDIS_URL=redis://127.0.0.1:$redis"
        "VANTAGE_FLAGS__FILE=$scratch/router-config/flags.yaml"
        VANTAGE_FLAGS__RELOAD_INTERVAL=1s
        "VANTAGE_SUBGRAPH_SECRET=$secret"
        VANTAGE_SUBGRAPHS__CALL_TIMEOUT=2s
        "VANTAGE_CLIENTS__FILE=$scratch/clients.yaml"
        VANTAGE_WEBHOOKS__ALLOW_PRIVATE_HOSTS=true
        "VANTAGE_WEBHOOKS__RETRIES=1s,20s"
        VANTAGE_SERVER__CONNECTIONS__MAX=100
        VANTAGE_SERVER__CONNECTIONS__MAX_PER_ADDRESS=1000
        VANTAGE_SERVER__CONNECTIONS__HEADER_TIMEOUT=60s
        VANTAGE_SERVER__WEBSOCKET__MAX_CONNECTIONS=90
        VANTAGE_SERVER__WEBSOCKET__PING_INTERVAL=1s
        VANTAGE_SERVER__WEBSOCKET__PONG_TIMEOUT=1s
    )
    start_partner
    run seed
    # Some of the demo shop's returns have waited for a person for months.
    change_rows returns "UPDATE return_reviews SET closed_at = ago(0) WHERE closed_at IS NULL"
    start_pricing
    start_shop
    token="$(run token --demo)"
    product="$(curl -s "http://127.0.0.1:$shop/graphql" --json '{"query":"{ productSearch(query: \"\", first: 1) { nodes { id } } }"}' |
        jq -r '.data.productSearch.nodes[0].id')"
    # Each drill with orders takes some.
    run stock set "$product" 10000 --reason delivery --actor drill >/dev/null
    local query='{ me { orders(first: 100) { nodes { returns { id } } } } }'
    return_id="$(curl -s "http://127.0.0.1:$shop/graphql" -H "authorization: Bearer $token" --json "$(jq -n --arg query "$query" '{query: $query}')" |
        jq -r '[.data.me.orders.nodes[].returns[].id][0]')"
    start_prometheus
}

# With more settings, if some are given, and through another command, if one is in `through`.
start_shop() {
    start shop "${through[@]}" env -i "${settings[@]}" \
        "VANTAGE_SUBGRAPHS__PRICING__URL=http://127.0.0.1:$pricing/graphql" \
        "VANTAGE_AUTH__JWKS__URL=http://127.0.0.1:$identity/keys.json" \
        VANTAGE_AUTH__JWKS__REFRESH=1s VANTAGE_AUTH__JWKS__MIN_INTERVAL=1s VANTAGE_AUTH__JWKS__TIMEOUT=1s \
        VANTAGE_TRACKING__CARRIERS__DHL__POLL_INTERVAL=1s VANTAGE_TRACKING__CARRIERS__DHL__HOURLY_BUDGET=100000 "$@" \
        "$vantage" serve --listen "127.0.0.1:$shop" --admin-listen "127.0.0.1:$shop_admin" \
        --sandbox-listen "127.0.0.1:$sandbox"
    until_answers "http://127.0.0.1:$shop_admin/readyz"
}

restart_shop() {
    stop shop
    start_shop "$@"
}

# Runs a command with the shop's settings.
run() {
    (cd "$scratch" && exec env -i "${settings[@]}" "$vantage" "$@")
}

# The server of a partner with a webhook. It answers with the status in the file `partner`.
start_partner() {
    run client add acme --scope orders:read >/dev/null
    run webhooks add acme "http://127.0.0.1:$partner/" --event 'order.*' --all-customers >/dev/null
    webhook="$(run webhooks list | cut -d' ' -f2)"
    echo 200 >"$scratch/partner"
    start partner python3 -c '
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(int(open("partner").read()))
        self.send_header("content-length", "0")
        self.end_headers()
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
' "$partner"
}

start_pricing() {
    start pricing "${through[@]}" env -i "${settings[@]}" \
        "VANTAGE_PROVIDERS__EXCHANGE_RATES__URL=http://127.0.0.1:$sandbox" VANTAGE_PROVIDERS__EXCHANGE_RATES__KEY=sandbox-key \
        VANTAGE_PRICING__RATES__REFRESH_INTERVAL=2s \
        "$vantage" subgraph pricing --listen "127.0.0.1:$pricing" --admin-listen "127.0.0.1:$pricing_admin"
    until_answers "http://127.0.0.1:$pricing_admin/readyz"
}

start_identity() {
    start identity python3 -m http.server "$identity" --bind 127.0.0.1 --directory "$scratch/identity"
}

start_prometheus() {
    mkdir "$scratch/rules"
    local rules
    for rules in deploy/prometheus/rules/*.yaml; do
        sed -E -e 's/\[([0-9]+m|[13]h)\]/[20s]/g' -e 's/offset (15m|1h)/offset 20s/g' -e 's/^( *)for: .*/\1for: 2s/' \
            -e 's/^( *)interval: .*/\1interval: 1s/' "$rules" >"$scratch/rules/$(basename "$rules")"
    done
    cat >"$scratch/prometheus.yaml" <<CONF
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [rules/*.yaml]
scrape_configs:
  - job_name: vantage
    static_configs:
      - { targets: ["127.0.0.1:$shop_admin"], labels: { service: router } }
      # The same process as if it were a canary.
      - { targets: ["127.0.0.1:$shop_admin"], labels: { service: router, track: canary } }
      - { targets: ["127.0.0.1:$pricing_admin"], labels: { service: pricing } }
CONF
    start prometheus prometheus --config.file=prometheus.yaml --storage.tsdb.path=metrics \
        --web.listen-address="127.0.0.1:$prometheus"
    until_answers "http://127.0.0.1:$prometheus/-/ready"
}

finish() {
    local status=$?
    trap - EXIT
    stop_all
    rm -rf "$scratch"
    exit "$status"
}

main "$@"
