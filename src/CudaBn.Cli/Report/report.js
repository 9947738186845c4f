"use strict";
(() => {
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  document.body.append(tip);

  // The browser's own tooltips are slow and unknown to fingers; this takes over from them.
  for (const title of document.querySelectorAll(".columns title")) {
    title.parentNode.dataset.tip = title.textContent;
    title.remove();
  }

  const textAt = (target, event) => {
    if (!(target instanceof Element)) return null;
    const told = target.closest("[data-tip]");
    if (told) return told.dataset.tip;
    return target.matches("img[data-values]") ? valueAt(target, event) : null;
  };

  const valueAt = (image, event) => {
    const epochs = image.dataset.epochs.split(",");
    const values = numbersOf(image);
    const channels = values.length / epochs.length;
    const box = image.getBoundingClientRect();
    const within = (offset, size, count) => Math.min(count - 1, Math.max(0, Math.floor(offset / size * count)));
    const column = within(event.clientX - box.left, box.width, epochs.length);
    const channel = within(event.clientY - box.top, box.height, channels);
    const value = values[channel * epochs.length + column];
    return `${image.dataset.layer}\nchannel ${channel}, epoch ${epochs[column]}: ${Number(value.toPrecision(2))}`;
  };

  // Base64 of the upper halves of floats.
  const decoded = new WeakMap();
  const numbersOf = image => {
    if (!decoded.has(image)) {
      const bytes = Uint8Array.from(atob(image.dataset.values), letter => letter.charCodeAt(0));
      const bits = Uint32Array.from({ length: bytes.length / 2 }, (_, i) => (bytes[2 * i] | bytes[2 * i + 1] << 8) << 16);
      decoded.set(image, new Float32Array(bits.buffer));
    }
    return decoded.get(image);
  };

  const show = event => {
    const text = textAt(event.target, event);
    tip.hidden = text === null;
    if (tip.hidden) return;
    tip.textContent = text;
    const { width, height } = tip.getBoundingClientRect();
    const room = document.documentElement.clientWidth - width - 8;
    const above = event.clientY - height - 14;
    tip.style.left = `${Math.max(8, Math.min(event.clientX - width / 2, room))}px`;
    tip.style.top = `${above < 8 ? event.clientY + 18 : above}px`;
  };

  document.addEventListener("pointermove", show);
  document.addEventListener("pointerdown", show);
  document.addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });
  document.addEventListener("keydown", event => { if (event.key === "Escape") tip.hidden = true; });
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
})();
