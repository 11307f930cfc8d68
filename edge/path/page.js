"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const facts = JSON.parse($("facts").content.textContent);
  const bytes = Uint8Array.from(atob($("pieces").content.textContent), (c) => c.charCodeAt(0));
  const n = facts.pieces;
  const path = new Uint16Array(bytes.buffer, 0, 4 * n);
  const times = new Float32Array(bytes.buffer, 8 * n, 2 * n);
  const exposures = new Uint32Array(bytes.buffer, 16 * n, n);
  const flags = bytes.subarray(20 * n, 21 * n);
  const RUN = 1, CLOSED = 2;
  const reduced = window.matchMedia("(prefers-reduced-motion: reduce)");
  const canvas = $("way"), pen = canvas.getContext("2d");
  const slider = $("time"), play = $("play"), speed = $("speed"), zoom = $("zoom"), legs = $("legs"), said = $("said");
  const photo = $("photo");
  const [rows, columns] = facts.shape;
  // cells to canvas pixels at no zoom
  const unit = Math.min(1064 / columns, 900 / rows);
  const density = Math.min(2, window.devicePixelRatio || 1);
  canvas.width = Math.max(1, Math.round(columns * unit * density));
  canvas.height = Math.max(1, Math.round(rows * unit * density));
  canvas.style.width = `${canvas.width / density}px`;
  let at = facts.total_s, playing = 0, drawnTo = -1, drawnView = "", view = null;
  const layer = document.createElement("canvas");
  layer.width = canvas.width;
  layer.height = canvas.height;
  const ink = layer.getContext("2d");

  const x = (k, end) => (path[4 * k + 2 * end] / 65535) * columns;
  const y = (k, end) => (path[4 * k + 2 * end + 1] / 65535) * rows;
  const from = (k) => times[2 * k], until = (k) => times[2 * k + 1];
  const shade = (k) => {
    const share = (from(k) - from(0)) / Math.max(from(n - 1) - from(0), 1e-9);
    return facts.shades[Math.round(share * (facts.shades.length - 1))];
  };

  /** The last dwell or run that has begun by a time; -1: none. */
  function begun(seconds) {
    let low = 0, high = n;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (from(middle) <= seconds) low = middle + 1; else high = middle;
    }
    return low - 1;
  }

  /** Where the beam is, in cells, and whether it counts, stands or travels. */
  function place(seconds) {
    const k = Math.max(0, begun(seconds));
    const between = (x0, y0, x1, y1, share) => [x0 + share * (x1 - x0), y0 + share * (y1 - y0)];
    if (seconds >= facts.total_s) return [x(n - 1, 1), y(n - 1, 1), "at the end"];
    if (seconds < from(0)) return [x(0, 0), y(0, 0), "before the first exposure"];
    if (seconds <= until(k) || k + 1 === n) {
      const share = Math.min(1, (seconds - from(k)) / Math.max(until(k) - from(k), 1e-9));
      const does = seconds > until(k) ? "coming to rest" : flags[k] & RUN ? "counting in motion" : "counting";
      return [...between(x(k, 0), y(k, 0), x(k, 1), y(k, 1), share), does];
    }
    const share = (seconds - until(k)) / Math.max(from(k + 1) - until(k), 1e-9);
    const does = flags[k + 1] & CLOSED ? "on the way, shutter closed" : "on the way";
    return [...between(x(k, 1), y(k, 1), x(k + 1, 0), y(k + 1, 0), share), does];
  }

  function clock(seconds) {
    const whole = Math.floor(seconds);
    if (seconds < 60) return `${seconds.toFixed(1)} s`;
    if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
    return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
  }

  /** Pixels of a cell, and of the corner of what is shown. */
  function viewed() {
    const factor = Number(zoom.value), scale = unit * density * factor;
    if (factor === 1) return { scale, left: 0, top: 0, key: "1" };
    const [cx, cy] = place(at);
    const edge = (centre, length, all) => Math.max(0, Math.min(all * scale - length, centre * scale - length / 2));
    const left = Math.round(edge(cx, canvas.width, columns)), top = Math.round(edge(cy, canvas.height, rows));
    return { scale, left, top, key: `${factor} ${left} ${top}` };
  }

  function drawPieces(low, high) {
    const { scale, left, top } = view;
    const px = (k, end) => x(k, end) * scale - left, py = (k, end) => y(k, end) * scale - top;
    const out = (a, b, length) => Math.max(a, b) < -9 || Math.min(a, b) > length + 9;
    const hidden = (x0, y0, x1, y1) => out(x0, x1, layer.width) || out(y0, y1, layer.height);
    const radius = Math.max(0.6 * density, scale / 3);
    for (let k = low; k < high; k += 1) {
      const colour = shade(k);
      if (k > 0 && legs.checked) {
        const [x0, y0, x1, y1] = [px(k - 1, 1), py(k - 1, 1), px(k, 0), py(k, 0)];
        if (!hidden(x0, y0, x1, y1)) {
          const closed = flags[k] & CLOSED;
          ink.setLineDash(closed ? [6 * density, 5 * density] : []);
          ink.strokeStyle = closed ? facts.closed : colour;
          ink.lineWidth = (closed ? 2 : 1) * density;
          ink.beginPath();
          ink.moveTo(x0, y0);
          ink.lineTo(x1, y1);
          ink.stroke();
        }
      }
      const [x0, y0, x1, y1] = [px(k, 0), py(k, 0), px(k, 1), py(k, 1)];
      if (hidden(x0, y0, x1, y1)) continue;
      if (flags[k] & RUN) {
        ink.setLineDash([]);
        ink.strokeStyle = colour;
        ink.lineWidth = Math.max(2 * density, 0.45 * scale);
        ink.beginPath();
        ink.moveTo(x0, y0);
        ink.lineTo(x1, y1);
        ink.stroke();
      } else {
        ink.fillStyle = colour;
        if (radius < 1.5) ink.fillRect(x0 - radius, y0 - radius, 2 * radius, 2 * radius);
        else {
          ink.beginPath();
          ink.arc(x0, y0, radius, 0, 2 * Math.PI);
          ink.fill();
        }
      }
    }
  }

  function drawGround() {
    const { scale, left, top } = view;
    ink.imageSmoothingEnabled = scale < 4;
    ink.drawImage(photo, -left, -top, columns * scale, rows * scale);
    ink.setLineDash([]);
    const outline = (polygon) => {
      ink.beginPath();
      for (const [cx, cy] of polygon) ink.lineTo(cx * scale - left, cy * scale - top);
      ink.closePath();
      ink.stroke();
    };
    ink.strokeStyle = "#000";
    ink.lineWidth = density;
    facts.boundary.forEach(outline);
    ink.strokeStyle = facts.kept_out;
    ink.lineWidth = 2 * density;
    for (const polygon of facts.keep_outs) {
      outline(polygon);
      ink.save();
      ink.clip();
      ink.lineWidth = density;
      ink.beginPath();
      for (let d = -layer.height; d < layer.width; d += 9 * density) {
        ink.moveTo(d, 0);
        ink.lineTo(d + layer.height, layer.height);
      }
      ink.stroke();
      ink.restore();
      ink.lineWidth = 2 * density;
    }
  }

  function show() {
    view = viewed();
    const high = begun(at) + 1, key = `${view.key} ${legs.checked}`;
    if (key !== drawnView || high < drawnTo) {
      drawGround();
      drawnTo = 0;
      drawnView = key;
    }
    drawPieces(drawnTo, high);
    drawnTo = high;
    pen.drawImage(layer, 0, 0);
    const [cx, cy, does] = place(at);
    const mark = [cx * view.scale - view.left, cy * view.scale - view.top];
    for (const [width, colour] of [[5, "#fff"], [2.5, "#000"]]) {
      pen.strokeStyle = colour;
      pen.lineWidth = width * density;
      pen.beginPath();
      pen.arc(mark[0], mark[1], 8 * density, 0, 2 * Math.PI);
      pen.stroke();
    }
    let done = begun(at);
    if (done >= 0 && at < until(done) && at < facts.total_s) done -= 1;
    const count = done < 0 ? 0 : exposures[done];
    const mm = [facts.origin_mm[0] + cx * facts.pitch_mm, facts.origin_mm[1] + cy * facts.pitch_mm];
    const text =
      `${clock(at)} of ${clock(facts.total_s)}; ${count.toLocaleString("en")} of ` +
      `${facts.exposures.toLocaleString("en")} exposures; x ${mm[0].toFixed(2)}, y ${mm[1].toFixed(2)} mm; ${does}`;
    said.textContent = text;
    slider.value = String(Math.round((at / facts.total_s) * 10000));
    slider.setAttribute("aria-valuetext", text);
  }

  let before = 0;
  function step(now) {
    if (!playing) return;
    // where motion is unwelcome, a step a second in place of a flow
    if (!reduced.matches || now - before >= 1000) {
      const pace = speed.value === "real" ? 1 : facts.total_s / Number(speed.value);
      at = Math.min(facts.total_s, at + (pace * (now - before)) / 1000);
      before = now;
      show();
      if (at >= facts.total_s) return stop();
    }
    playing = requestAnimationFrame(step);
  }
  function stop() {
    cancelAnimationFrame(playing);
    playing = 0;
    play.textContent = "Play";
  }
  play.addEventListener("click", () => {
    if (playing) return stop();
    if (at >= facts.total_s) at = 0;
    play.textContent = "Pause";
    before = performance.now();
    playing = requestAnimationFrame(step);
    show();
  });
  slider.addEventListener("input", () => {
    stop();
    at = (Number(slider.value) / 10000) * facts.total_s;
    show();
  });
  for (const control of [zoom, legs]) control.addEventListener("change", show);
  for (const [id, way] of [["back", -1], ["on", 1]]) {
    $(id).addEventListener("click", () => {
      stop();
      const k = begun(at), next = Math.max(0, Math.min(n - 1, k + way));
      const to = k < 0 ? 0 : next;
      // times have single precision: a hair behind its beginning, not before
      at = Math.min(facts.total_s, from(to) + Math.min(1e-6 * facts.total_s, (until(to) - from(to)) / 2));
      show();
    });
  }
  const begin = () => {
    document.documentElement.classList.add("scripted");
    show();
  };
  if (photo.complete) begin(); else photo.addEventListener("load", begin);
})();
