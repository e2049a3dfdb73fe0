#!/usr/bin/env bash
# Makes alerts fire for real, and resolve again: in a shop of its own with simulated third parties, watched by a Prometheus
# with the rules of deploy/prometheus/rules. Windows are shortened from minutes to seconds; thresholds are not changed.
#
#   deploy/drill.sh [--keep]        --keep leaves everything running until Ctrl-C, to look at it
#
# Needs a build of vantage ($VANTAGE, or the last build), prometheus, redis-server, curl, jq and python3. About 10 minutes.
#
# The other alerts are covered by deploy/prometheus/tests, because:
#   EasyPostLatency: each label needs another order that may be returned, and the demo customer has few
#   EventDeadLetters: an event is given up after days
#   LiveUpdatesDelayed: nothing outside a process makes it slow to pass updates on
#   LiveUpdatesLost: the shop has its subscriptions' subgraphs in its process
#   MessagesUnreadable: only Kafka carries other systems' messages; tests/journeys/kafka.rs sends some
#   OperationsRejected: takes more operations at once than one machine sends
#   PartnerWebhookDelayed: a partner has not accepted an event for an hour
#   PaymentMismatch: the simulated provider charges exactly the amount it was given
#   PaymentTaskMissing: tasks are written with the change; tests/crash_points loses none
#   RefundsInDoubt: a refund is in doubt after an hour without an answer
#   ReturnsNeedSupport: support is told of returns without a label after two hours
#   ReturnsWithoutScan: returns wait for their scan for 72 hours
#   ScheduledJobFailing: compares three hours
#   ScheduledPriceChangeFailed: changes are checked when they are scheduled
#   SearchLatency: nothing outside a process makes its search slow
#   SupportQueueOverdue: somebody waits for a person for a day
#   TaskFailing: a task has failed at least eight times in a row, which takes longer than this
#   WebSocketCapacity: takes 8,001 connections
#   WorkerDown: background tasks only end by errors of ours
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

source tests/fleet/processes.sh
vantage=""
find_vantage
require prometheus redis-server redis-cli curl jq prlimit python3

# Ports below those that outgoing connections use.
shop=14500 shop_admin=14501 pricing=14502 pricing_admin=14503 sandbox=14504 redis=14505 identity=14506 prometheus=14507
partner=14508
scratch="$(mktemp -d)"
token="" product="" return_id="" webhook="" secret=""
seen=()

main() {
    trap finish EXIT
    trap 'exit 130' INT TERM
    cp -r router-config "$scratch/"
    mkdir "$scratch/identity"
    echo '{"keys":[]}' >"$scratch/identity/keys.json"
    start_all

    drill "pricing does not run" "InstanceDown SubgraphFailing GraphqlErrorRate CanaryFailing" kill_pricing query_prices start_pricing
    drill "pricing hangs" "GraphqlLatency" pause_pricing query_prices continue_pricing
    drill "the disk for pricing's log is full" "LogLinesLost" fill_log query_prices restart_pricing
    drill "pricing's database is locked" "DatabaseNotWritable" lock_pricing true unlock_database
    drill "the database of returns is locked" "ReturnsErrorRate" lock_returns label_return unlock_database
    drill "few file descriptors are left" "FileDescriptorsExhausted" limit_descriptors true raise_descriptors
    drill "a task of another version" "TaskDeadLetters" write_task true discard_task
    drill "a flags file that is not valid" "FileNotUsable" break_flags true restore_flags
    drill "carriers answer 503" "CarrierPollsFailing CarrierOutage ThirdPartyDown" fail_carriers true heal_third_parties
    drill "Stripe answers 503 now and then" "PaymentProviderRetries" disturb_stripe place_order heal_third_parties
    drill "Stripe answers 503" "PaymentProviderFailing" fail_stripe place_order heal_third_parties
    drill "a rate that moves too far" "ExchangeRateHeld" move_rate true restore_rate
    drill "no exchange rates for two hours" "ExchangeRateStale" age_rates true heal_third_parties
    drill "forged webhooks" "WebhooksForged" true forge_webhooks true
    drill "signed webhooks that are no JSON" "WebhooksNotApplied" true sign_garbage true
    drill "live connections that break" "WebSocketErrors" break_sockets true close_sockets
    drill "live connections that are silent" "HeartbeatTimeouts" open_silent_sockets true close_sockets
    drill "no keys from the identity provider" "KeySetNotFetched" stop_identity true start_identity
    drill "Redis does not answer" "RedisNotAnswering EventsDelayed" stop_redis send_persisted continue_redis
    drill "Redis loses its data" "EventsLostByBus" true lose_events true
    drill "more connections than allowed" "ConnectionsRefused" open_connections true close_connections

    drill "a partner's server fails" "PartnerWebhookDeadLetters" fail_partner place_order replay_to_partner
    drill "a partner's server wants no more" "PartnerWebhookDisabled" leave_partner place_order resume_partner

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
        if [ $((SECONDS - started)) -gt 90 ]; then
            echo "error: not within 90 s: $what" >&2
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
        VANTAGE_DEMO__ORDERS=100
        "VANTAGE_REDIS_URL=redis://127.0.0.1:$redis"
        "VANTAGE_FLAGS__FILE=$scratch/router-config/flags.yaml"
        VANTAGE_FLAGS__RELOAD_INTERVAL=1s
        "VANTAGE_SUBGRAPH_SECRET=$secret"
        VANTAGE_SUBGRAPHS__CALL_TIMEOUT=2s
        "VANTAGE_CLIENTS__FILE=$scratch/clients.yaml"
        VANTAGE_WEBHOOKS__ALLOW_PRIVATE_HOSTS=true
        "VANTAGE_WEBHOOKS__RETRIES=1s,1s"
        VANTAGE_SERVER__CONNECTIONS__MAX=100
        VANTAGE_SERVER__CONNECTIONS__MAX_PER_ADDRESS=1000
        VANTAGE_SERVER__CONNECTIONS__HEADER_TIMEOUT=60s
        VANTAGE_SERVER__WEBSOCKET__MAX_CONNECTIONS=90
        VANTAGE_SERVER__WEBSOCKET__PING_INTERVAL=1s
        VANTAGE_SERVER__WEBSOCKET__PONG_TIMEOUT=1s
    )
    start_partner
    run seed
    start_pricing
    start shop env -i "${settings[@]}" \
        "VANTAGE_SUBGRAPHS__PRICING__URL=http://127.0.0.1:$pricing/graphql" \
        "VANTAGE_AUTH__JWKS__URL=http://127.0.0.1:$identity/keys.json" \
        VANTAGE_AUTH__JWKS__REFRESH=1s VANTAGE_AUTH__JWKS__MIN_INTERVAL=1s VANTAGE_AUTH__JWKS__TIMEOUT=1s \
        VANTAGE_TRACKING__CARRIERS__DHL__POLL_INTERVAL=1s VANTAGE_TRACKING__CARRIERS__DHL__HOURLY_BUDGET=100000 \
        "$vantage" serve --listen "127.0.0.1:$shop" --admin-listen "127.0.0.1:$shop_admin" \
        --sandbox-listen "127.0.0.1:$sandbox"
    until_answers "http://127.0.0.1:$shop_admin/readyz"
    token="$(run token --demo)"
    product="$(curl -s "http://127.0.0.1:$shop/graphql" --json '{"query":"{ productSearch(query: \"\", first: 1) { nodes { id } } }"}' |
        jq -r '.data.productSearch.nodes[0].id')"
    start_prometheus
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

# Through another command, if one is given.
start_pricing() {
    start pricing "$@" env -i "${settings[@]}" \
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
        sed -E -e 's/\[(5|10|15|30)m\]/[20s]/g' -e 's/offset 15m/offset 20s/g' -e 's/^( *)for: .*/\1for: 2s/' \
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

# --- problems --------------------------------------------------------------------------------------------

graphql() {
    curl -s -m 5 "http://127.0.0.1:$shop/graphql" --json "$1" >/dev/null || true
}

control() {
    curl -sf "http://127.0.0.1:$sandbox/_control/$1" --json "$2" >/dev/null
}

kill_pricing() {
    stop pricing KILL
}

restart_pricing() {
    stop pricing KILL
    start_pricing
}

pause_pricing() {
    kill -STOP "${pids[pricing]}"
}

continue_pricing() {
    kill -CONT "${pids[pricing]}"
}

fill_log() {
    stop pricing
    # shellcheck disable=SC2016 # These are the inner shell's.
    start_pricing bash -c 'exec "$@" 2>/dev/full' bash
}

# Writers do not wait so long.
lock_database() {
    start lock python3 -c '
import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
database.execute("BEGIN IMMEDIATE")
time.sleep(3600)
' "$scratch/data/$1.sqlite"
}

unlock_database() {
    stop lock KILL
}

lock_pricing() {
    lock_database pricing
}

lock_returns() {
    local query='{ me { orders(first: 100) { nodes { returns { id } } } } }'
    return_id="$(curl -s "http://127.0.0.1:$shop/graphql" -H "authorization: Bearer $token" --json "$(jq -n --arg query "$query" '{query: $query}')" |
        jq -r '[.data.me.orders.nodes[].returns[].id][0]')"
    lock_database returns
}

label_return() {
    curl -s -m 10 -o /dev/null -X PUT "http://127.0.0.1:$shop/api/v1/returns/$return_id/label" \
        -H "authorization: Bearer $token" -H "idempotency-key: drill-$RANDOM-$RANDOM" || true
}

# Some more than pricing has, so that Prometheus can connect.
limit_descriptors() {
    local open=("/proc/${pids[pricing]}/fd/"*)
    prlimit --pid "${pids[pricing]}" --nofile=$((${#open[@]} + 3)):
}

raise_descriptors() {
    prlimit --pid "${pids[pricing]}" --nofile=1024:
}

# Its data lack what this version needs.
write_task() {
    python3 -c '
import sqlite3, sys, uuid
with sqlite3.connect(sys.argv[1], timeout=30) as database:
    now = "2026-01-01T00:00:00+00:00"
    row = ("payment", uuid.uuid4().bytes, "ord_of_another_version", "{}", now, now)
    database.execute(
        "INSERT INTO tasks (kind, key, subject, data, due_at, attempts, created_at) VALUES (?, ?, ?, ?, ?, 0, ?)", row)
' "$scratch/data/orders.sqlite"
}

discard_task() {
    run tasks discard orders payment/ord_of_another_version
}

# As if the provider had not answered since.
age_rates() {
    control faults '{"provider":"exchange_rates","effect":{"kind":"status","status":503}}'
    stop pricing
    python3 -c '
import sqlite3, sys
with sqlite3.connect(sys.argv[1], timeout=30) as database:
    old = ("%Y-%m-%dT%H:%M:%S+00:00", "now", "-2 hours")
    database.execute("UPDATE exchange_rates SET fetched_at = strftime(?, ?, ?)", old)
' "$scratch/data/pricing.sqlite"
    start_pricing
}

query_prices() {
    local _
    for _ in 1 2 3 4 5; do
        graphql '{"query":"{ exchangeRate(to: EUR) { rate } }"}'
    done
}

break_flags() {
    cp "$scratch/router-config/flags.yaml" "$scratch/flags.yaml"
    echo 'flags: [' >"$scratch/router-config/flags.yaml"
}

restore_flags() {
    cp "$scratch/flags.yaml" "$scratch/router-config/flags.yaml"
}

fail_carriers() {
    control faults '{"provider":"dhl","effect":{"kind":"status","status":503}}'
}

disturb_stripe() {
    control faults '{"provider":"stripe","probability":0.25,"effect":{"kind":"status","status":503}}'
}

fail_stripe() {
    control faults '{"provider":"stripe","effect":{"kind":"status","status":503}}'
}

# As the demo customer.
place_order() {
    # shellcheck disable=SC2016 # These are GraphQL's variables.
    local query='mutation($input: OrderPlaceInput!, $key: String!) { orderPlace(input: $input, idempotencyKey: $key) { order { id } userErrors { code } } }'
    jq -n --arg query "$query" --arg product "$product" --arg key "drill-$RANDOM-$RANDOM" '{query: $query, variables: {key: $key, input: {
        items: [{productId: $product, quantity: 1}], paymentMethodToken: "pm_card_visa",
        shippingAddress: {name: "Ada Lovelace", line1: "1 Main St", city: "Brooklyn", region: "NY", postalCode: "11201", countryCode: "US"}
    }}}' | curl -s -m 10 "http://127.0.0.1:$shop/graphql" -H "authorization: Bearer $token" --json @- >"$scratch/order.json" || true
}

heal_third_parties() {
    curl -sf -X DELETE "http://127.0.0.1:$sandbox/_control/faults" -H "content-type: application/json" >/dev/null
}

move_rate() {
    control exchange_rates '{"EUR":"7.5"}'
}

restore_rate() {
    control exchange_rates '{"EUR":null}'
}

forge_webhooks() {
    local _
    for _ in 1 2 3; do
        curl -s "http://127.0.0.1:$shop/webhooks/stripe" -H "stripe-signature: t=1,v1=00" --json '{}' >/dev/null || true
    done
}

# The body of a webhook that the simulated Stripe could have sent, cut off. Its secret is derived as src/keys.rs does.
sign_garbage() {
    python3 -c '
import hashlib, hmac, sys, time, urllib.error, urllib.request
secret = hashlib.sha256(b"vantage sandbox webhooks\0" + sys.argv[2].encode()).hexdigest()
now, body = str(int(time.time())), b"{"
signature = hmac.new(secret.encode(), now.encode() + b"." + body, hashlib.sha256).hexdigest()
headers = {"content-type": "application/json", "stripe-signature": f"t={now},v1={signature}"}
try:
    urllib.request.urlopen(urllib.request.Request(sys.argv[1], body, headers), timeout=5)
except urllib.error.HTTPError: pass
' "http://127.0.0.1:$shop/webhooks/stripe" "$secret"
}

fail_partner() {
    echo 500 >"$scratch/partner"
}

replay_to_partner() {
    echo 200 >"$scratch/partner"
    run webhooks replay acme "$webhook" --dead-letters
}

leave_partner() {
    echo 410 >"$scratch/partner"
}

resume_partner() {
    echo 200 >"$scratch/partner"
    run webhooks resume acme "$webhook"
}

stop_identity() {
    stop identity
}

# An order whose events cannot be published is left waiting.
stop_redis() {
    kill -STOP "${pids[redis]}"
    place_order
}

continue_redis() {
    kill -CONT "${pids[redis]}"
}

# Published events that nobody has confirmed yet.
lose_events() {
    place_order
    redis-cli -p "$redis" FLUSHALL >/dev/null
}

# Documents by hash are looked up in Redis.
send_persisted() {
    local hash
    hash="$(head -c 32 /dev/urandom | sha256sum | cut -d' ' -f1)"
    graphql '{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"'"$hash"'"}}}'
}

open_connections() {
    start connections python3 -c '
import socket, sys, time
held = []
while True:
    s = socket.socket(); s.settimeout(2)
    try:
        s.connect(("127.0.0.1", int(sys.argv[1]))); s.sendall(b"GET / HTTP/1.1\r\n")
        held.append(s)
    except OSError: pass
    if len(held) > 110: held.pop().close()
    time.sleep(0.02)
' "$shop"
}

# Connections for live updates, some each second, below the limit of an address. `break` resets each once it is accepted, `silent`
# answers no ping.
open_sockets() {
    start sockets python3 -c '
import json, socket, struct, sys, time
held = []
upgrade = ("GET /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n").encode()
# A masked text frame; the mask is 0.
init = json.dumps({"type": "connection_init"}).encode()
init = struct.pack("!BBI", 0x81, 0x80 | len(init), 0) + init
while True:
    try:
        s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=2)
        s.sendall(upgrade)
        if s.recv(4096).startswith(b"HTTP/1.1 101"):
            s.sendall(init)
            s.recv(4096)
            if sys.argv[2] == "break":
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                s.close()
            else:
                held.append(s)
    except OSError: pass
    if len(held) > 20: held.pop(0).close()
    time.sleep(0.8)
' "$shop" "$1"
}

break_sockets() {
    open_sockets break
}

open_silent_sockets() {
    open_sockets silent
}

close_sockets() {
    stop sockets KILL
}

close_connections() {
    stop connections KILL
}

main "$@"
