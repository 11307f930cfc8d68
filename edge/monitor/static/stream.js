// The connection that brings what is new. It is opened again by itself, later each time, and at once when the page is
// looked at again or the network is back.

import { EXPOSURES, PARTS, decodeExposures, decodeParts } from "./decode.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10000;
const SILENCE_MS = 15000;
const ANSWER_MS = 40;
const SESSION_ENDED = 4401;

export class Stream {
  /** `on` has a function for each: status, alert, scan, exposures, part, open, lost(seconds), ended. */
  constructor(on) {
    this.on = on;
    this.wait = FIRST_WAIT_MS;
    this.view = null;
    this.parts = Promise.resolve();
    addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.hurry());
    setInterval(() => this.listen(), 3000);
  }

  open() {
    clearTimeout(this.timer);
    this.timer = null;
    const address = new URL("api/stream", location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    address.hash = "";
    const socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.heard = performance.now();
    clearTimeout(this.answering);
    this.answering = null;
    socket.onopen = () => {
      this.wait = FIRST_WAIT_MS;
      this.tellView();
      this.on.open();
    };
    socket.onmessage = (message) => this.socket === socket && this.take(message.data);
    socket.onclose = ({ code }) => this.socket === socket && this.again(code);
  }

  /** A sleeping laptop or a dead network leaves a socket that says nothing and never closes, or never opens. */
  listen() {
    if (this.socket && performance.now() - this.heard > SILENCE_MS) {
      const silent = this.socket;
      this.again();
      silent.close();
    }
  }

  again(code) {
    this.socket = null;
    if (code === SESSION_ENDED) return this.on.ended();
    this.on.lost(this.wait / 1000);
    this.timer = setTimeout(() => this.open(), this.wait);
    this.wait = Math.min(2 * this.wait, LONGEST_WAIT_MS);
  }

  hurry() {
    if (this.timer) this.open();
  }

  close() {
    clearTimeout(this.timer);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  look(elements, layers) {
    this.view = { type: "view", elements, layers };
    this.tellView();
  }

  tellView() {
    if (this.view) this.send(this.view);
  }

  send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  take(data) {
    this.heard = performance.now();
    if (typeof data === "string") this.takeText(JSON.parse(data), this.socket);
    else if (new Uint8Array(data)[0] === EXPOSURES) this.takeExposures(decodeExposures(data), this.socket);
    else if (new Uint8Array(data)[0] === PARTS) this.takeParts(data, this.socket);
  }

  takeText(message, socket) {
    this.on[message.type]?.(message);
    this.parts = this.parts.then(() => this.acknowledge(message.n, socket));
  }

  takeExposures(exposures, socket) {
    this.on.exposures(exposures);
    this.parts = this.parts.then(() => this.acknowledge(exposures.n, socket));
  }

  /** Messages are unpacked one after the other, so that an older part never overwrites a newer one. */
  takeParts(data, socket) {
    this.parts = this.parts.then(async () => {
      try {
        const { n, parts } = await decodeParts(data);
        for (const part of parts) this.on.part(part);
        this.acknowledge(n, socket);
      } catch {
        socket.close();
      }
    });
  }

  /** The newest number, now and then: it answers for all before it. Another connection counts anew. */
  acknowledge(n, socket) {
    if (n === undefined || socket !== this.socket) return;
    this.answered = n;
    this.answering ??= setTimeout(() => {
      this.answering = null;
      this.send({ type: "ack", n: this.answered });
    }, ANSWER_MS);
  }
}
