# The problems that deploy/drill.sh causes and ends, in its shop: it sources this file.
# shellcheck shell=bash
# shellcheck disable=SC2154 # The script sets them.

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

# Requests that come before the circuit breaker opens wait for it.
hang_pricing() {
    local asked=()
    pause_pricing
    for _ in {1..40}; do
        graphql '{"query":"{ exchangeRate(to: EUR) { rate } }"}' &
        asked+=($!)
    done
    wait "${asked[@]}"
}

continue_pricing() {
    kill -CONT "${pids[pricing]}"
}

fill_log() {
    stop pricing
    # shellcheck disable=SC2016 # These are the inner shell's.
    through=(bash -c 'exec "$@" 2>/dev/full' bash)
    start_pricing
    through=()
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

delay_easypost() {
    control faults '{"provider":"easypost","effect":{"kind":"delay","by":"4s"}}'
}

disturb_stripe() {
    control faults '{"provider":"stripe","probability":0.25,"effect":{"kind":"status","status":503}}'
}

fail_stripe() {
    control faults '{"provider":"stripe","effect":{"kind":"status","status":503}}'
}

# Orders can be placed.
fail_payments() {
    control faults '{"provider":"stripe","path":"/v1/payment_intents*","effect":{"kind":"status","status":503}}'
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

# Sends a body as a webhook that the simulated Stripe has signed. Its secret is derived as src/keys.rs does.
send_as_stripe() {
    python3 -c '
import hashlib, hmac, sys, time, urllib.error, urllib.request
secret = hashlib.sha256(b"vantage sandbox webhooks\0" + sys.argv[2].encode()).hexdigest()
now, body = str(int(time.time())), sys.argv[3].encode()
signature = hmac.new(secret.encode(), now.encode() + b"." + body, hashlib.sha256).hexdigest()
headers = {"content-type": "application/json", "stripe-signature": f"t={now},v1={signature}"}
try:
    urllib.request.urlopen(urllib.request.Request(sys.argv[1], body, headers), timeout=5)
except urllib.error.HTTPError: pass
' "http://127.0.0.1:$shop/webhooks/stripe" "$secret" "$1"
}

sign_garbage() {
    send_as_stripe '{'
}

# As if a cent was charged for a new order.
charge_another_amount() {
    local order payment
    place_order
    order="$(jq -r .data.orderPlace.order.id "$scratch/order.json")"
    payment="$(newest_payment)"
    send_as_stripe "$(jq -nc --arg order "$order" --arg payment "$payment" --arg event "evt_$RANDOM$RANDOM" '{
        id: $event, object: "event", type: "payment_intent.succeeded", created: now | floor, data: {object: {
            id: $payment, object: "payment_intent", status: "succeeded", amount: 1, amount_received: 1, currency: "usd",
            metadata: {order: $order}}}}')"
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

# Connections for live updates: port, what is done with them, how many are kept, and the pause between them. `break` resets each
# once it is accepted, `silent` answers no ping.
sockets='
import json, socket, struct, sys, time
port, conduct, kept, pause = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
held = []
upgrade = ("GET /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n").encode()
# A masked text frame; the mask is 0.
init = json.dumps({"type": "connection_init"}).encode()
init = struct.pack("!BBI", 0x81, 0x80 | len(init), 0) + init
while True:
    try:
        s = socket.create_connection(("127.0.0.1", port), timeout=2)
        s.sendall(upgrade)
        if s.recv(4096).startswith(b"HTTP/1.1 101"):
            s.sendall(init)
            if conduct == "break":
                s.recv(4096)
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                s.close()
            else:
                held.append(s)
    except OSError: pass
    if len(held) == kept: print("all are open", flush=True)
    if len(held) > kept: held.pop(0).close()
    time.sleep(pause if len(held) < kept else max(pause, 0.8))
'

# Some each second, below the limit of an address.
open_sockets() {
    start sockets python3 -c "$sockets" "$shop" "$1" 20 0.8
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
