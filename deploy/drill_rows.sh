# The problems of deploy/drill.sh that take hours or days, or that never happen: it changes rows of its shop's databases as if they
# had. deploy/drill.sh sources this file.
# shellcheck shell=bash
# shellcheck disable=SC2154 # The script sets them.

# Runs statements in a database of the shop. In them `ago(2)` is two hours ago, and `id()` a new id.
change_rows() {
    python3 -c '
import datetime, sqlite3, sys, uuid
def ago(hours):
    then = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=hours)
    return then.isoformat(timespec="microseconds")
database = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
database.create_function("ago", 1, ago)
database.create_function("id", 0, lambda: uuid.uuid4().bytes)
for statement in sys.argv[2:]:
    database.execute(statement)
' "$scratch/data/$1.sqlite" "${@:2}"
}

# Its data lack what this version needs.
write_task() {
    change_rows orders "INSERT INTO tasks (kind, key, subject, data, due_at, attempts, created_at)
        VALUES ('payment', id(), 'ord_of_another_version', '{}', ago(0), 0, ago(0))"
}

discard_task() {
    run tasks discard orders payment/ord_of_another_version
}

# As if the provider had not answered since.
age_rates() {
    control faults '{"provider":"exchange_rates","effect":{"kind":"status","status":503}}'
    stop pricing
    change_rows pricing "UPDATE exchange_rates SET fetched_at = ago(2)"
    start_pricing
}

# Its product is none of ours.
schedule_nonsense() {
    change_rows pricing \
        "INSERT INTO scheduled_price_changes (id, product_id, effective_at, change, reason, actor, created_at)
            VALUES (id(), id(), ago(0), '{}', 'drill', 'drill', ago(0))" \
        "INSERT OR REPLACE INTO tasks (kind, key, subject, data, due_at, attempts, created_at)
            VALUES ('price_schedule', zeroblob(16), 'prices', '{}', ago(0), 0, ago(0))"
}

# As if its payment had failed for a while.
place_failing_order() {
    place_order
    change_rows orders "UPDATE tasks SET attempts = 20, due_at = ago(0) WHERE kind = 'payment'"
}

lose_tasks() {
    fail_payments
    place_order
    change_rows orders "DELETE FROM tasks WHERE kind = 'payment'" \
        "UPDATE order_payments SET updated_at = ago(1) WHERE created_at > ago(0.1)"
}

# The id of the newest payment.
newest_payment() {
    python3 -c '
import sqlite3, sys
with sqlite3.connect(sys.argv[1], timeout=30) as database:
    print(*database.execute(
        "SELECT payment_intent_id FROM orders WHERE payment_intent_id IS NOT NULL ORDER BY placed_at DESC LIMIT 1").fetchone())
' "$scratch/data/orders.sqlite"
}

# As if these had waited for two hours already.
place_old_order() {
    place_order
    change_rows notifications "UPDATE partner_events SET recorded_at = ago(2)"
}

# The kind of event is one that the consumer follows, its data are not.
receive_garbage() {
    change_rows orders "INSERT INTO inbox_deliveries (consumer, event_id, topic, event_type, aggregate_id, sequence, data,
            occurred_at, received_at, attempts, next_attempt_at)
        VALUES ('orders.returns', id(), 'returns.events', 'return.completed', 'ret_of_the_drill', 1, '{\"version\":1}',
            ago(0), ago(0), 0, ago(0))"
}

# As if the consumer was released that ignores it.
mend_garbage() {
    change_rows orders "UPDATE inbox_deliveries SET event_type = 'return.unknown' WHERE aggregate_id = 'ret_of_the_drill'"
    run outbox requeue orders --all
}

age_reviews() {
    change_rows orders "INSERT OR REPLACE INTO order_reviews (order_id, reason, since)
        SELECT id, 'payment_mismatch', ago(48) FROM orders LIMIT 1"
}

close_reviews() {
    change_rows orders "UPDATE order_reviews SET closed_at = ago(0) WHERE closed_at IS NULL"
}

# Returns without a label, for which one can be bought again.
forget_labels() {
    change_rows returns "UPDATE returns SET status = 'initiated', label_shipment_id = NULL, label_object = NULL, label_url = NULL,
        label_carrier = NULL, tracking_number = NULL, label_cost = NULL, label_cost_currency = NULL, label_generated_at = NULL,
        label_expires_at = NULL, label_voided_at = NULL, carrier_scanned_at = NULL, delivered_at = NULL"
}

buy_label() {
    forget_labels
    label_return
}

# One has no label, the refund of one is in doubt, and no carrier has scanned the others; the hourly job looks at them again.
age_returns() {
    stop shop
    forget_labels
    change_rows returns \
        "UPDATE returns SET created_at = ago(100), support_alerted_at = NULL, refund_requested_at = NULL, refund_issued_at = NULL" \
        "UPDATE returns SET status = 'label_generated', label_generated_at = ago(73)
            WHERE id <> (SELECT min(id) FROM returns)" \
        "UPDATE returns SET status = 'carrier_scanned', carrier_scanned_at = ago(3), refund_requested_at = ago(2)
            WHERE id = (SELECT max(id) FROM returns)" \
        "DELETE FROM leases WHERE name = 'returns.reconciliation'"
    start_shop
}

refund_returns() {
    stop shop
    change_rows returns "UPDATE returns SET status = 'refund_issued', refund_issued_at = ago(0) WHERE status = 'carrier_scanned'" \
        "DELETE FROM leases WHERE name = 'returns.reconciliation'"
    start_shop
}
