// A proxy in front of Vantage: it can cut the connection to the pages, or block one kind of request. With `ownPages` it
// serves the pages of dist/ in place of those that the binary embeds.

import { existsSync, readFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { join } from "node:path";

const DIST = join(import.meta.dirname, "../dist");
const TYPES = { js: "text/javascript", css: "text/css", svg: "image/svg+xml", ttf: "font/ttf", txt: "text/plain" };
/** The policy of the explorer; that of the other pages is stricter. Both are those of `src/playground.rs`. */
const POLICY =
  "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self' 'unsafe-inline'; " +
  "img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; " +
  "frame-ancestors 'none'";

export class Proxy {
  #sockets = new Set();
  #server = createServer((incoming, response) => this.#answer(incoming, response));
  #port = 0;
  /** Decides whether a request gets through. */
  blocks = () => false;

  constructor(upstream, { ownPages = false } = {}) {
    this.upstream = upstream;
    this.ownPages = ownPages;
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    this.#server.on("upgrade", (incoming, socket, head) => this.#upgrade(incoming, socket, head));
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  listen(port = this.#port) {
    return new Promise((resolve) => {
      this.#server.listen(port, "127.0.0.1", () => {
        this.#port = this.#server.address().port;
        resolve();
      });
    });
  }

  /** Closes every connection, and refuses new ones until `listen()`. */
  cut() {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    return closed;
  }

  #options(incoming) {
    const { hostname, port } = this.upstream;
    // The server compares the origin with the host.
    return { hostname, port, path: incoming.url, method: incoming.method, headers: incoming.headers };
  }

  #answer(incoming, response) {
    if (this.blocks(incoming)) return incoming.socket.destroy();
    if (this.ownPages && this.#page(incoming, response)) return;
    const outgoing = request(this.#options(incoming), (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    outgoing.on("error", () => incoming.socket.destroy());
    // Also before there is an answer: an open connection would keep this process from ending.
    response.on("close", () => outgoing.destroy());
    incoming.pipe(outgoing);
  }

  #upgrade(incoming, socket, head) {
    if (this.blocks(incoming)) return socket.destroy();
    const outgoing = request(this.#options(incoming));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => outgoing.destroy());
    outgoing.on("upgrade", (answer, upstream) => {
      // The page may have been left by now.
      if (socket.destroyed) return upstream.destroy();
      socket.on("close", () => upstream.destroy());
      const lines = Object.entries(answer.headers).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join("")}\r\n`);
      upstream.write(head);
      socket.pipe(upstream).pipe(socket);
      upstream.on("error", () => socket.destroy());
      upstream.on("close", () => socket.destroy());
    });
    outgoing.on("response", (answer) => {
      socket.end(`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}\r\nconnection: close\r\n\r\n`);
    });
    outgoing.on("error", () => socket.destroy());
    outgoing.end();
  }

  /** Answers with a page of dist/; false when the request is for something else. */
  #page({ url, method, headers }, response) {
    const { pathname } = new URL(url, this.url);
    const isExplorer = pathname === "/graphql" && method === "GET" && headers.accept?.includes("text/html");
    const name = isExplorer ? "explorer.html" : pathname.replace("/playground/", "");
    if (!isExplorer && !pathname.startsWith("/playground/")) return false;
    const path = join(DIST, name.endsWith(".html") ? name : `${name}.gz`);
    if (!existsSync(path)) return false;
    const policy = { "content-security-policy": POLICY };
    if (name.endsWith(".html")) {
      const text = readFileSync(path, "utf8")
        .replaceAll("{{pages}}", "/playground/")
        .replaceAll("{{endpoint}}", "/graphql")
        .replaceAll("{{payments}}", process.env.VANTAGE_SANDBOX ?? "")
        .replaceAll("{{shop}}", "yes");
      response.writeHead(200, { "content-type": "text/html; charset=utf-8", ...policy });
      response.end(text);
    } else {
      const type = TYPES[name.split(".").pop()];
      response.writeHead(200, { "content-type": type, "content-encoding": "gzip", ...policy });
      response.end(readFileSync(path));
    }
    return true;
  }
}
