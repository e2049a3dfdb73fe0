// The topics in AsyncAPI and the schemas of their messages.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";

import { fromFile, Parser } from "@asyncapi/parser";
import Ajv from "ajv";
import addFormats from "ajv-formats";

const folder = new URL("../../schema/", import.meta.url);
const read = (name) => JSON.parse(readFileSync(new URL(name, folder), "utf8"));

test("the topics are a valid AsyncAPI document whose messages have schemas", async () => {
    const parser = new Parser();
    const file = new URL("asyncapi.json", folder).pathname;
    const { document, diagnostics } = await fromFile(parser, file).parse();
    const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 0);
    assert.deepEqual(errors, []);
    const names = document.allMessages().all().map((message) => message.name()).sort();
    const files = readdirSync(new URL("events/", folder)).map((name) => name.replace(/\.json$/, "")).sort();
    assert.deepEqual(names, files);
    const placed = document.allMessages().all().find((message) => message.name() === "order.placed");
    assert.equal(placed.payload().property("data").property("orderId").type(), "string");
});

test("the schemas accept an event as it is published, and nothing else", () => {
    const ajv = new Ajv({ allErrors: true, strict: false, validateFormats: true });
    addFormats(ajv);
    const formats = ["uint32", "uint64", "int32", "int64", "double"];
    formats.forEach((format) => ajv.addFormat(format, true));
    for (const name of readdirSync(new URL("events/", folder))) {
        ajv.compile(read(`events/${name}`));
    }
    const isFlagged = ajv.compile(read("events/tracking.shipment_flagged.json"));
    const event = {
        id: "0199c2a0-7c1e-7000-8000-000000000001",
        topic: "tracking.events",
        type: "tracking.shipment_flagged",
        aggregateId: "ord_01jgfjjz00fn5av7nnwvhbdmgn",
        sequence: 3,
        occurredAt: "2025-10-09T10:15:22Z",
        data: {
            version: 1,
            orderId: "ord_01jgfjjz00fn5av7nnwvhbdmgn",
            returnId: null,
            shipmentId: "shp_01jgfjjz00fn5av7nnwvhbdmgn",
            carrier: "UPS",
            trackingNumber: "1Z",
            reason: "overdue",
            failures: 0,
        },
    };
    assert.ok(isFlagged(event), JSON.stringify(isFlagged.errors));
    assert.ok(isFlagged({ ...event, data: { ...event.data, later: "a field of a newer version" } }));
    assert.ok(!isFlagged({ ...event, type: "tracking.status_changed" }));
    const { reason, ...without } = event.data;
    assert.ok(reason && !isFlagged({ ...event, data: without }));
});
