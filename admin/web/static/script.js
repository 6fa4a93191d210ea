// Fetches the page again, every few seconds, and puts in what has changed. Focus, selection and scrolling stay.
"use strict";

const EVERY_MS = 10000;
const PAUSED = "swpt-trade-paused";
const state = document.getElementById("state");
const content = document.getElementById("content");
let timer;

// Only what is new: the state is read aloud.
function say(text, isProblem) {
  if (state.textContent !== text) state.textContent = text;
  state.className = isProblem ? "problem" : "";
}

// Nobody likes a page to change under the hands: a part in which somebody is, or has selected something, waits.
function isInUse(part) {
  const chosen = document.getSelection();
  return part.contains(document.activeElement) || (!chosen.isCollapsed && chosen.containsNode(part, true))
    || part.querySelector("input:checked, form[data-touched]") !== null;
}

function put(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("content");
  for (const old of [...content.querySelectorAll(":scope > [id]")]) {
    const now = fresh.querySelector(`:scope > [id="${old.id}"]`);
    if (!now) continue;
    const open = [...old.querySelectorAll("details")].map((details) => details.open);
    now.querySelectorAll("details").forEach((details, number) => { details.open = Boolean(open[number]); });
    now.querySelectorAll("[data-all]").forEach((all) => { all.closest("label").hidden = false; });
    if (old.isEqualNode(now) || isInUse(old)) continue;
    old.replaceWith(document.adoptNode(now));
  }
}

async function refresh() {
  clearTimeout(timer);
  if (sessionStorage.getItem(PAUSED)) return;
  try {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (response.ok) {
      put(await response.text());
      say("", false);
    } else if (response.status === 401) {
      return say("You are logged out: load the page again to log in.", true);
    } else {
      say(`This page is not up to date: the server answers ${response.status}.`, true);
    }
  } catch {
    say("This page is not up to date: the server can not be reached.", true);
  }
  timer = setTimeout(refresh, EVERY_MS);
}

if ("live" in document.body.dataset) {
  const pause = document.createElement("button");
  pause.type = "button";
  pause.id = "pause";
  const label = () => { pause.textContent = sessionStorage.getItem(PAUSED) ? "Go on refreshing" : "Stop refreshing"; };
  pause.addEventListener("click", () => {
    if (sessionStorage.getItem(PAUSED)) sessionStorage.removeItem(PAUSED);
    else sessionStorage.setItem(PAUSED, "yes");
    label();
    refresh();
  });
  label();
  state.after(pause);
  timer = setTimeout(refresh, EVERY_MS);
}
// One box for all others of a form; without a script it is not there.
content.addEventListener("change", (event) => {
  if (!("all" in event.target.dataset)) return;
  event.target.form.querySelectorAll('[name="chosen"]').forEach((box) => { box.checked = event.target.checked; });
});
content.querySelectorAll("[data-all]").forEach((all) => { all.closest("label").hidden = false; });
document.addEventListener("input", (event) => { event.target.form?.setAttribute("data-touched", ""); });
