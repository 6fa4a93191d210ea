// Fetches the page that needs a token, every few seconds, and shows its content. The token stays in this tab.
"use strict";

const KEY = "swpt-trade-token";
const EVERY_MS = 10000;
const login = document.getElementById("login");
const token = document.getElementById("token");
const state = document.getElementById("state");
const content = document.getElementById("content");
const forget = document.getElementById("forget");
let timer;

function askForToken(reason) {
  clearTimeout(timer);
  sessionStorage.removeItem(KEY);
  content.replaceChildren();
  login.hidden = false;
  forget.hidden = true;
  say(reason, Boolean(reason));
  token.focus();
}

// Only what is new: the state is read aloud.
function say(text, isProblem) {
  if (state.textContent !== text) state.textContent = text;
  state.className = isProblem ? "problem" : "";
}

function show(html) {
  const open = [...content.querySelectorAll("details")].map((details) => details.open);
  const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("content");
  content.replaceChildren(...fresh.childNodes);
  content.querySelectorAll("details").forEach((details, number) => { details.open = Boolean(open[number]); });
}

async function refresh() {
  clearTimeout(timer);
  const secret = sessionStorage.getItem(KEY);
  if (!secret) return askForToken("");
  login.hidden = true;
  forget.hidden = false;
  try {
    const response = await fetch(document.body.dataset.source, { headers: { Authorization: `Bearer ${secret}` } });
    if (sessionStorage.getItem(KEY) !== secret) return;
    if (response.status === 401) return askForToken("The token is not valid (any more).");
    if (response.status === 403) return askForToken("The token does not allow this.");
    if (response.ok) {
      show(await response.text());
      say("", false);
    } else {
      const { message } = await response.json().catch(() => ({}));
      say(message || `The server answers ${response.status}.`, true);
    }
  } catch {
    say("The server can not be reached.", true);
  }
  timer = setTimeout(refresh, EVERY_MS);
}

login.addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, token.value.trim());
  token.value = "";
  refresh();
});
forget.addEventListener("click", () => askForToken(""));
refresh();
