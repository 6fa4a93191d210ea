// What is wrong with a page for somebody who does not see it, or sees it on a phone, and what axe-core lets pass: it
// leaves out drawings, what does not fit, and names that nobody demands. An empty list: nothing.
(() => {
  const faults = [], root = document.documentElement;
  const seen = (e) => e.getClientRects().length > 0 && getComputedStyle(e).visibility !== "hidden";
  const all = (selector) => [...document.querySelectorAll(selector)].filter(seen);
  const name = (e) => e.tagName + (e.id ? "#" + e.id : "") + " " + (e.textContent || "").trim().slice(0, 40);
  if (root.scrollWidth > innerWidth) faults.push("wider than the window: " + root.scrollWidth);
  all("main *").forEach((e) => {
    const box = e.getBoundingClientRect();
    if (box.right > innerWidth + 1 && !e.closest(".scroll, svg")) faults.push("out of the window: " + name(e));
    const style = getComputedStyle(e);
    if (style.overflowX === "hidden" && e.scrollWidth > e.clientWidth + 1 && !e.closest("svg")) faults.push("cut off: " + name(e));
  });
  if (all("h1").length !== 1) faults.push("not one h1");
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  ids.filter((id, n) => ids.indexOf(id) !== n).forEach((id) => faults.push("twice the ID " + id));
  const labels = ["aria-label", "aria-labelledby"];
  all("svg").forEach((e) => {
    if (e.getAttribute("aria-hidden") !== "true" && !(e.getAttribute("role") === "img" && e.getAttribute("aria-label")) && !e.closest("[aria-hidden=true]"))
      faults.push("a drawing that nobody can hear of: " + e.outerHTML.slice(0, 80));
  });
  all("nav, section").forEach((e) => { if (!labels.some((l) => e.hasAttribute(l))) faults.push("a part without a name: " + name(e)); });
  all("th").forEach((e) => { if (!e.scope) faults.push("a head of a table without scope: " + name(e)); });
  document.querySelectorAll("[aria-labelledby], [aria-describedby], [aria-controls]").forEach((e) => {
    ["aria-labelledby", "aria-describedby", "aria-controls"].forEach((attribute) => {
      (e.getAttribute(attribute) || "").split(/\s+/).filter(Boolean).forEach((id) => {
        if (!document.getElementById(id)) faults.push(attribute + " leads nowhere: " + id);
      });
    });
  });
  all(".scroll").forEach((e) => { if (e.scrollWidth > e.clientWidth + 1 && e.tabIndex < 0) faults.push("only a mouse scrolls: " + name(e)); });
  const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const numbers = (colour) => {
    paint.clearRect(0, 0, 1, 1);
    paint.fillStyle = colour;
    paint.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = paint.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const light = ([r, g, b]) => {
    const part = (c) => { c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const behind = (e) => {
    for (let at = e; at; at = at.parentElement) {
      const colour = numbers(getComputedStyle(at).backgroundColor);
      if (colour[3] > 0.99) return colour;
    }
    return [255, 255, 255, 1];
  };
  all("svg *").forEach((e) => {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || e.closest("title")) return;
    const style = getComputedStyle(e);
    const [a, b] = [light(numbers(style.fill)), light(behind(e))].sort((x, y) => y - x);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
    if ((a + 0.05) / (b + 0.05) < (large ? 3 : 4.5)) faults.push("hard to read: " + name(e));
  });
  return faults;
})()
