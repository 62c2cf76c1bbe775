"use strict";

// ---- helpers ----------------------------------------------------------------------------------

const $ = (id) => document.getElementById(id);

/** Create an element with text. Words of songs are never parsed as markup. */
function make(tag, name, text) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
}

/** Create an element of a drawing. */
function draw(tag, attributes, parent) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return parent.appendChild(element);
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("aria-hidden", "true");
  draw("use", { href: `#icon-${name}` }, svg);
  return svg;
}

function button(name, text, action) {
  const element = make("button", name, text);
  element.type = "button";
  element.addEventListener("click", action);
  return element;
}

const counted = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;
const signed = (value) => value.toFixed(2).replace("-", "\u2212");
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** Write a time in seconds as 1:05. */
function clock(seconds) {
  if (!Number.isFinite(seconds)) return "";
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** Shorten a text to at most `n` characters, at a word boundary if possible. */
function shorten(text, n) {
  if (text.length <= n) return text;
  const cut = text.slice(0, n), space = cut.lastIndexOf(" ");
  return `${(space > n / 2 ? cut.slice(0, space) : cut).trimEnd()}\u2026`;
}

async function fetchJson(url, options) {
  let response;
  try {
    response = await fetch(url, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server is not responding. Is skdcca serve still running?");
  }
  const reply = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(reply.error || `The server returned error ${response.status}.`);
  return reply;
}

/** Fetch something of a song once; later calls get the same promise. */
const fetched = new Map();
function fetchOnce(url) {
  if (!fetched.has(url)) fetched.set(url, fetchJson(url));
  fetched.get(url).catch(() => fetched.delete(url));
  return fetched.get(url);
}

/** Return the query in the address of the page. */
const queryOfAddress = () => new URLSearchParams(location.hash.split("?")[1] ?? "");

const songUrl = (song, what) => `/api/${what}/${song.position}`;
