// Canvases that follow their size on the page and the screen's own pixels.

/** Context in CSS pixels, and the page's colours by their names in page.css. */
export function fitted(canvas) {
  const scale = Math.min(window.devicePixelRatio || 1, 3);
  const width = Math.max(1, canvas.clientWidth);
  const height = Math.max(1, canvas.clientHeight);
  const [across, down] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== across || canvas.height !== down) {
    canvas.width = across;
    canvas.height = down;
  }
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  const style = getComputedStyle(document.documentElement);
  return { context, width, height, scale, colour: (name) => style.getPropertyValue(name).trim() };
}

export const FONT = (size, weight = 400) => `${weight} ${size}px system-ui, "Noto Sans", "Liberation Sans", sans-serif`;

/** Text that is read on any picture. */
export function outlined(context, text, x, y) {
  context.lineJoin = "round";
  context.lineWidth = 3;
  context.strokeStyle = "rgb(0 0 0 / .75)";
  context.strokeText(text, x, y);
  context.fillStyle = "#fff";
  context.fillText(text, x, y);
}

/** Call a function at most once for each picture of the screen. */
export function oncePerFrame(draw) {
  let isAsked = false;
  return () => {
    if (isAsked) return;
    isAsked = true;
    requestAnimationFrame(() => {
      isAsked = false;
      draw();
    });
  };
}

/** Round numbers that divide a range into about so many parts. */
export function ticks(low, high, about) {
  const raw = (high - low) / Math.max(1, about);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((k) => k * power).find((k) => k >= raw);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-6; at += step) found.push(+at.toPrecision(10));
  return found;
}
