// The toolbar of the large map: each choice is read from the view and written to it.

import { COLOURS } from "./colours.js";

const byId = (id) => document.getElementById(id);
const FIELDS = { layer: "layer", inferred: "inferred", colours: "colours", overlay: "map" };

export class Choices {
  constructor(model, view) {
    Object.assign(this, { model, view });
    byId("colours").replaceChildren(...COLOURS.map((name) => option(name, name)));
    for (const [id, name] of Object.entries(FIELDS)) {
      byId(id).addEventListener("change", () => this.choose(name, byId(id).value));
    }
    byId("more").addEventListener("click", () => view.set({ tools: view.tools ? "" : "open" }));
    byId("opacity").addEventListener("input", () => view.set({ opacity: Number(byId("opacity").value) }));
    byId("marks").addEventListener("change", () => view.set({ marks: byId("marks").checked ? "on" : "off" }));
    byId("letters").addEventListener("change", () => view.set({ letters: byId("letters").checked ? "on" : "off" }));
    for (const id of [0, 1, 2]) byId(`channel-${id}`).addEventListener("change", () => this.chooseChannels());
  }

  choose(name, value) {
    const changes = { [name]: value };
    if (name === "map" && value === "rgb" && !this.view.rgb) changes.rgb = this.usualChannels();
    this.view.set(changes);
  }

  /** Three elements that lie apart in the list, so that something shows at once. */
  usualChannels() {
    const names = this.model.elements.map((_, index) => this.model.nameOf(index));
    return [0, Math.floor(names.length / 2), names.length - 1].map((k) => names[k] ?? "").join(",");
  }

  chooseChannels() {
    this.view.set({ rgb: [0, 1, 2].map((id) => byId(`channel-${id}`).value).join(",") });
  }

  build() {
    const names = this.model.elements.map((_, index) => this.model.nameOf(index));
    const words = names.map((_, index) => this.model.wordsOf(index));
    const elements = () => names.map((name, index) => option(name, words[index]));
    const several = names.length ? [option("rgb", "three elements as RGB")] : [];
    byId("overlay").replaceChildren(option("", "nothing"), ...elements(), ...several);
    for (const id of [0, 1, 2]) byId(`channel-${id}`).replaceChildren(option("", "none"), ...elements());
    byId("stretch-element").replaceChildren(...names.map((_, index) => option(String(index), words[index])));
    this.show();
  }

  show() {
    const { view } = this;
    for (const [id, name] of Object.entries(FIELDS)) byId(id).value = view[name];
    const hasOverlay = Boolean(view.map);
    byId("opacity").value = String(view.opacity);
    byId("opacity").disabled = !hasOverlay;
    byId("tools").hidden = !view.tools;
    byId("more").setAttribute("aria-expanded", String(Boolean(view.tools)));
    byId("more").textContent = view.tools ? "Less" : "More";
    byId("marks").checked = view.marks ? view.marks === "on" : !hasOverlay;
    byId("letters").checked = view.letters !== "off";
    byId("channels").hidden = view.map !== "rgb";
    const channels = view.rgb.split(",");
    for (const id of [0, 1, 2]) byId(`channel-${id}`).value = channels[id] ?? "";
  }
}

function option(value, text) {
  const made = document.createElement("option");
  made.value = value;
  made.textContent = text;
  return made;
}
