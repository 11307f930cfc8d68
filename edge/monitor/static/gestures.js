// Wheel, drag, pinch and keys on a map. Whoever owns the canvas gives a lens for its size of now.

const MOVED_PX = 5;
const WHEEL = 0.0016;
const KEY_ZOOM = 1.4;
const KEY_PAN_PX = 60;

/** `lens()` gives the lens; `pick(cell)` is called for a click or enter; `hover(cell or null)` while pointing. */
export function gestures(canvas, { view, model, lens, pick, hover, wheelNeedsControl = false }) {
  const pointers = new Map();
  let travelled = 0;
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  canvas.addEventListener(
    "wheel",
    (event) => {
      if (!model.scan?.grid || (wheelNeedsControl && !event.ctrlKey)) return;
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 16 : 1;
      const speed = event.ctrlKey && !wheelNeedsControl ? 4 : 1;
      view.setPlace(lens().zoomedBy(Math.exp(-event.deltaY * lines * WHEEL * speed), ...at(event)));
    },
    { passive: false },
  );

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !model.scan?.grid) return;
    pointers.set(event.pointerId, at(event));
    if (pointers.size === 1) travelled = 0;
    canvas.setPointerCapture(event.pointerId);
  });

  canvas.addEventListener("pointermove", (event) => {
    const now = at(event);
    const before = pointers.get(event.pointerId);
    if (!model.scan?.grid) return;
    if (!before) {
      hover(lens().cellAt(...now));
      return;
    }
    travelled += Math.hypot(now[0] - before[0], now[1] - before[1]);
    if (pointers.size === 1 && travelled > MOVED_PX) {
      view.setPlace(lens().pannedBy(now[0] - before[0], now[1] - before[1]));
    } else if (pointers.size === 2) {
      const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
      const span = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]) || 1;
      const middle = [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2];
      view.setPlace(lens().zoomedBy(span(now) / span(before), ...middle));
    }
    if (pointers.size > 1 || travelled > MOVED_PX) pointers.set(event.pointerId, now);
  });

  const end = (event) => {
    const isClick = event.type === "pointerup" && pointers.size === 1 && travelled <= MOVED_PX && pointers.has(event.pointerId);
    pointers.delete(event.pointerId);
    if (isClick) pick(lens().cellAt(...at(event)), event);
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener("pointerleave", () => pointers.size || hover(null));
}

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/** Keys on the large map: the cursor, the maps' place, and the spectrum at the cursor. */
export function mapKeys(canvas, { view, model, lens, pick, hover }) {
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || !model.scan?.grid) return;
    const step = STEPS[event.key];
    if (step && event.shiftKey) view.setPlace(lens().pannedBy(-step[1] * KEY_PAN_PX, -step[0] * KEY_PAN_PX));
    else if (step) hover(stepped(view.cursor ?? view.pinned, step, model));
    else if (event.key === "+" || event.key === "=") view.setPlace(lens().zoomedBy(KEY_ZOOM));
    else if (event.key === "-") view.setPlace(lens().zoomedBy(1 / KEY_ZOOM));
    else if (event.key === "0") view.setPlace(null);
    else if ((event.key === "Enter" || event.key === " ") && view.cursor) pick(view.cursor);
    else if (event.key === "Escape") view.set({ pin: "" });
    else return;
    event.preventDefault();
  });
}

function stepped(from, [down, across], model) {
  const start = from ?? { row: Math.floor(model.rows / 2), column: Math.floor(model.columns / 2) };
  return {
    row: Math.min(Math.max(start.row + down, 0), model.rows - 1),
    column: Math.min(Math.max(start.column + across, 0), model.columns - 1),
  };
}
