// The review page: one task at a time. Whatever comes from a record is set as text, never as markup.

const at = (id) => document.getElementById(id);
const state = { settings: null, token: null, endpoint: "", context: {}, task: null, busy: false };
const WAITS = [1000, 2000, 4000, 8000]; // milliseconds between attempts while there is no connection
const SVG = "http://www.w3.org/2000/svg";
const STORED = "review-token";

class Refused extends Error {
  constructor(status, told) { super(told); this.status = status; }
}

// --- the API -------------------------------------------------------------------------------------------------------

async function send(method, path, body) {
  const headers = { Authorization: state.settings.sign_in === "stand-in" ? `Bearer ${state.token}` : state.token };
  if (body) headers["Content-Type"] = "application/json";
  const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body), credentials: "omit" });
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok && answer.status < 500) throw new Refused(answer.status, content.problem || "the request was refused");
  if (!answer.ok) throw new TypeError(`status ${answer.status}`);
  return content;
}

// Sent again until it arrives: a request with a token counts once, however often it is sent.
async function call(method, path, body) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const content = await send(method, path, body);
      at("lost").hidden = true;
      return content;
    } catch (error) {
      if (error instanceof Refused) throw error;
      at("lost").textContent = "No connection. What you answered is kept, and sent when it is back.";
      at("lost").hidden = false;
      await pause(WAITS[Math.min(attempt, WAITS.length - 1)]);
    }
  }
}

function pause(milliseconds) {
  return new Promise((done) => {
    const timer = setTimeout(finish, milliseconds);
    window.addEventListener("online", finish, { once: true });
    function finish() { clearTimeout(timer); window.removeEventListener("online", finish); done(); }
  });
}

const token = () => crypto.randomUUID();
const place = (what) => `api/${encodeURIComponent(state.endpoint)}/${what}`;

// --- sign-in -------------------------------------------------------------------------------------------------------

async function start() {
  state.settings = await (await fetch("config.json", { credentials: "omit" })).json();
  const query = new URLSearchParams(location.search);
  if (query.has("code")) await exchange(query);
  state.token = state.token || sessionStorage.getItem(STORED);
  if (state.token) await enter(); else offer();
}

function offer(told = "") {
  state.token = state.task = null;
  sessionStorage.removeItem(STORED);
  for (const id of ["task", "empty", "list", "sign-out", "endpoint-field"]) at(id).hidden = true;
  at("who").textContent = "";
  at("sign-in").hidden = false;
  at("names").hidden = state.settings.sign_in !== "stand-in";
  at("elsewhere").hidden = state.settings.sign_in === "stand-in";
  tell(told);
}

async function leave() {
  const verifier = base64(crypto.getRandomValues(new Uint8Array(48)));
  const check = base64(crypto.getRandomValues(new Uint8Array(16)));
  sessionStorage.setItem("review-verifier", verifier);
  sessionStorage.setItem("review-state", check);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier)));
  const query = new URLSearchParams({
    response_type: "code", client_id: state.settings.client_id, redirect_uri: own(), scope: "openid", state: check,
    code_challenge: base64(digest), code_challenge_method: "S256",
  });
  location.assign(`${state.settings.authority}/oauth2/authorize?${query}`);
}

async function exchange(query) {
  const [verifier, check] = [sessionStorage.getItem("review-verifier"), sessionStorage.getItem("review-state")];
  history.replaceState(null, "", location.pathname);
  if (!verifier || check !== query.get("state")) return;
  const body = new URLSearchParams({
    grant_type: "authorization_code", client_id: state.settings.client_id, redirect_uri: own(), code: query.get("code"),
    code_verifier: verifier,
  });
  const answer = await fetch(`${state.settings.authority}/oauth2/token`, { method: "POST", body, credentials: "omit" });
  if (answer.ok) state.token = (await answer.json()).id_token;
  if (state.token) sessionStorage.setItem(STORED, state.token);
}

const own = () => `${location.origin}${location.pathname}`;
const base64 = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");

async function enter() {
  let me;
  try {
    me = await call("GET", "api/me");
  } catch (error) {
    return offer(error.status === 401 ? "This name is no reviewer's, or the sign-in has ended." : error.message);
  }
  sessionStorage.setItem(STORED, state.token);
  at("sign-in").hidden = true;
  at("sign-out").hidden = false;
  at("who").textContent = me.name;
  if (!me.endpoints.length) return tell("You review no endpoint yet. Ask for the group of one.");
  const asked = new URLSearchParams(location.search).get("endpoint");
  const select = at("endpoint");
  select.replaceChildren(...me.endpoints.map((name) => new Option(name, name)));
  at("endpoint-field").hidden = me.endpoints.length < 2;
  select.value = me.endpoints.includes(asked) ? asked : me.endpoints[0];
  return choose(select.value);
}

async function choose(endpoint) {
  state.endpoint = endpoint;
  await doing(async () => {
    state.context = await call("GET", place("context"));
    await next();
  });
}

// --- a task --------------------------------------------------------------------------------------------------------

async function next(id = "") {
  const found = await call("POST", place("lease"), id ? { id } : {});
  show(found.task, found.progress);
  refresh();
}

function show(task, progress) {
  state.task = task;
  at("task").hidden = !task;
  at("empty").hidden = Boolean(task);
  if (!task) {
    at("empty-title").focus();
    return;
  }
  counted(progress);
  at("comment").value = "";
  at("question").textContent = "Is this prediction right?";
  at("instructions").textContent = state.context.instructions || "";
  const score = task.score === null ? "" : `, score ${figure(task.score)}`;
  at("said").textContent = task.prediction === null ? `The model said no class${score}` : `The model says ${named(task.prediction)}${score}`;
  const labels = state.context.labels || [];
  at("answers").replaceChildren(...labels.map((label, number) => choice(label, number, task)));
  const names = Object.keys(task.features);
  at("features").replaceChildren(...names.map((name) => feature(name, task.features[name])));
  at("question").focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

const named = (label) => (state.context.label_names || {})[label] || label;

function choice(label, number, task) {
  const agrees = label === task.prediction;
  const button = element("button", { type: "button", class: agrees ? "main" : "" });
  button.append(agrees ? `${named(label)}: agree ` : `${named(label)} `);
  if (agrees) button.append(element("kbd", {}, "A"), " ");
  if (number < 9) button.append(element("kbd", {}, String(number + 1)));
  button.addEventListener("click", () => answer(label));
  return button;
}

function counted(progress) {
  const all = progress.open + progress.done_today;
  at("progress").max = Math.max(all, 1);
  at("progress").value = progress.done_today;
  at("counts").textContent = `${progress.done_today} done, ${progress.open} open`;
}

// The list follows by itself: nobody waits for it.
const refresh = () => listed().catch((error) => tell(error.message));

async function listed() {
  const found = await call("GET", place("tasks"));
  counted(found.progress);
  at("list").hidden = !found.tasks.length;
  at("waiting").replaceChildren(...found.tasks.map((task) => {
    const said = task.prediction === null ? "no class" : `says ${named(task.prediction)}`;
    const score = task.score === null ? "" : `, score ${figure(task.score)}`;
    const button = element("button", { type: "button" }, `${said}${score}`);
    if (state.task && task.id === state.task.id) button.setAttribute("aria-current", "true");
    button.addEventListener("click", () => doing(() => next(task.id)));
    const item = element("li");
    item.append(button);
    return item;
  }));
}

// --- what a person does ----------------------------------------------------------------------------------------------

const answer = (label) => act("answer", { label }, `Answered ${named(label)}.`);
const skip = () => act("skip", {}, "Left to others.");

function act(what, more, told) {
  if (!state.task) return undefined;
  const body = { id: state.task.id, comment: at("comment").value.trim(), token: token(), ...more };
  return doing(async () => {
    try {
      await call("POST", place(what), body);
      tell(told);
    } catch (error) {
      if (error.status !== 409) throw error;
      tell(`Not counted: ${error.message}. Here is another one.`);
    }
    await next();
  });
}

function undo() {
  return doing(async () => {
    const found = await call("POST", place("undo"), { token: token() });
    show(found.task, found.progress);
    tell("Taken back.");
    refresh();
  });
}

async function doing(work) {
  if (state.busy) return;
  state.busy = true;
  const buttons = document.querySelectorAll("main button, nav button");
  buttons.forEach((button) => button.setAttribute("aria-busy", "true"));
  try {
    await work();
  } catch (error) {
    if (error.status === 401) offer("The sign-in has ended.");
    else if (error.status) tell(error.message);
    else throw error;
  } finally {
    state.busy = false;
    document.querySelectorAll("[aria-busy]").forEach((button) => button.removeAttribute("aria-busy"));
  }
}

function tell(text) { at("told").textContent = text; }

// --- a feature against the baseline --------------------------------------------------------------------------------

function feature(name, value) {
  const item = element("li");
  const text = value === null ? "missing" : typeof value === "number" ? figure(value) : String(value);
  item.append(element("span", { class: "name" }, name), element("span", { class: "value" }, text));
  const baseline = (state.context.features || {})[name] || {};
  const where = baseline.buckets ? inBuckets(baseline.buckets, value) : inCategories(baseline.categories || [], value);
  if (where) item.append(...where);
  return item;
}

function inBuckets(buckets, value) {
  if (typeof value !== "number") return null;
  const [low, high] = [buckets[0][0], buckets[buckets.length - 1][1]];
  const total = buckets.reduce((sum, bucket) => sum + bucket[2], 0);
  const below = buckets.reduce((sum, [from, to, count]) =>
    sum + count * Math.min(Math.max(to > from ? (value - from) / (to - from) : Number(value >= to), 0), 1), 0);
  const told = value < low ? "below everything in the baseline" : value > high ? "above everything in the baseline"
    : `above ${Math.round((100 * below) / total)} % of the baseline`;
  const most = Math.max(...buckets.map((bucket) => bucket[2]), 1);
  const picture = drawing();
  buckets.forEach(([, , count], number) => picture.append(bar(number, buckets.length, count / most, false)));
  const share = high > low ? Math.min(Math.max((value - low) / (high - low), 0), 1) : 0.5;
  picture.append(shape("line", { class: "mark", x1: 100 * share, x2: 100 * share, y1: 0, y2: 48 }));
  return [element("span", { class: "where" }, told), picture];
}

function inCategories(categories, value) {
  if (!categories.length) return null;
  const total = categories.reduce((sum, one) => sum + one[1], 0);
  const found = categories.find(([word]) => word === String(value));
  const told = found ? `${Math.round((100 * found[1]) / total)} % of the baseline` : "not among the baseline's most frequent";
  const most = Math.max(...categories.map((one) => one[1]), 1);
  const picture = drawing();
  categories.forEach(([word, count], number) => picture.append(bar(number, categories.length, count / most, word === String(value))));
  return [element("span", { class: "where" }, told), picture];
}

const drawing = () => shape("svg", { viewBox: "0 0 100 48", preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false" });

function bar(number, all, share, isThis) {
  const width = 100 / all;
  const height = share > 0 ? Math.max(44 * share, 1) : 0;
  return shape("rect", { class: isThis ? "bar this" : "bar", x: number * width, width: width * 0.9, y: 48 - height, height });
}

function shape(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function element(name, attributes = {}, text = "") {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}

const figure = (number) => (Number.isInteger(number) ? String(number) : String(Number(number.toPrecision(4))));

// --- keys and buttons ------------------------------------------------------------------------------------------------

function pressed(event) {
  if (event.key === "Escape" && document.activeElement === at("comment")) return at("question").focus();
  const typing = event.target.closest("input, textarea, select");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || event.repeat || !at("keys").checked) return undefined;
  const labels = state.context.labels || [];
  const key = event.key.toLowerCase();
  const on = state.task !== null;
  if (on && key === "a" && labels.includes(state.task.prediction)) answer(state.task.prediction);
  else if (on && /^[1-9]$/.test(key) && labels[Number(key) - 1] !== undefined) answer(labels[Number(key) - 1]);
  else if (on && key === "s") skip();
  else if (on && key === "c") at("comment").focus();
  else if (key === "u" && state.endpoint) undo();
  else return undefined;
  return event.preventDefault();
}

document.addEventListener("keydown", pressed);
at("skip").addEventListener("click", skip);
at("undo").addEventListener("click", undo);
at("undo-last").addEventListener("click", undo);
at("look").addEventListener("click", () => doing(() => next()));
at("endpoint").addEventListener("change", (event) => choose(event.target.value));
at("sign-out").addEventListener("click", () => offer("Signed out."));
at("elsewhere").addEventListener("click", leave);
at("names").addEventListener("submit", (event) => {
  event.preventDefault();
  state.token = at("name").value.trim();
  enter();
});
start();
