// The sandbox's page of messages: shows them as they go out, newest first, and finds those to a number.
//
// What comes from the server gets into the page as text only; the page's policy refuses all else.
'use strict';

/**
 * @typedef {{to: string, text: string, pin: string, sent_at: string}} Message
 * @typedef {{to: string, element: HTMLElement}} Card
 */

// As many as the server sends at first; more would only make the page slow.
const SHOWN = 1000;
const COPIED_FOR = 1500;

/**
 * @template {Element} T
 * @param {string} selector
 * @param {new () => T} type
 * @param {ParentNode} within
 * @returns {T}
 */
function the(selector, type, within = document) {
  const found = within.querySelector(selector);
  if (!(found instanceof type)) throw new Error(`no ${selector}`);
  return found;
}

const list = the('#messages', HTMLOListElement);
const search = the('#search', HTMLInputElement);
const connection = the('#connection', HTMLElement);
const count = the('#count', HTMLElement);
const news = the('#news', HTMLElement);
const noneYet = the('#none-yet', HTMLElement);
const noneFound = the('#none-found', HTMLElement);
const template = the('#message', HTMLTemplateElement);

/** @type {Card[]} Newest first, as in the list. */
let cards = [];

// The messages.

/** @param {Message} message @returns {Card} */
function card(message) {
  const element = the('li', HTMLLIElement, template.content);
  const copy = document.importNode(element, true);
  the('.to', HTMLElement, copy).textContent = message.to;
  the('strong', HTMLElement, copy).textContent = message.pin;
  the('.text', HTMLElement, copy).textContent = message.text;
  const time = the('time', HTMLTimeElement, copy);
  time.dateTime = message.sent_at;
  time.textContent = clock(new Date(message.sent_at));
  const button = the('button', HTMLButtonElement, copy);
  button.setAttribute('aria-label', `Copy PIN ${spoken(message.pin)}`);
  // Only pages that came from this machine, or over TLS, may write to the clipboard.
  button.hidden = !navigator.clipboard;
  button.addEventListener('click', () => copyPin(button, message.pin));
  return { to: message.to, element: copy };
}

/** @param {Date} date */
function clock(date) {
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday ? date.toLocaleTimeString() : date.toLocaleString();
}

/**
 * Digit by digit, as people read PINs out.
 * @param {string} pin
 */
function spoken(pin) {
  return [...pin].join(' ');
}

/** @param {HTMLButtonElement} button @param {string} pin */
async function copyPin(button, pin) {
  await navigator.clipboard.writeText(pin);
  button.textContent = 'Copied';
  button.dataset.done = '';
  setTimeout(() => {
    button.textContent = 'Copy';
    delete button.dataset.done;
  }, COPIED_FOR);
}

/** @param {Message[]} messages Oldest first. */
function replaceAll(messages) {
  cards = messages.map(card).reverse();
  list.replaceChildren(...cards.map((it) => it.element));
  filter();
}

/** @param {Message[]} messages Oldest first. */
function add(messages) {
  for (const message of messages) {
    const added = card(message);
    added.element.classList.add('new');
    cards.unshift(added);
    list.prepend(added.element);
    if (fits(added)) announce(message);
  }
  for (const old of cards.splice(SHOWN)) old.element.remove();
  filter();
}

/** @param {Message} message */
function announce(message) {
  const line = document.createElement('span');
  line.textContent = `New message to ${message.to}: PIN ${spoken(message.pin)}`;
  news.replaceChildren(line);
}

// The search.

/**
 * A number's digits, with the country first: people write it in many ways.
 * @param {string} number
 */
function digits(number) {
  return number.replace(/\D/g, '').replace(/^00/, '');
}

/** @param {Card} card */
function fits(card) {
  return card.to.includes(digits(search.value));
}

function filter() {
  let shown = 0;
  for (const it of cards) {
    it.element.hidden = !fits(it);
    if (!it.element.hidden) shown += 1;
  }
  noneYet.hidden = cards.length > 0;
  noneFound.hidden = cards.length === 0 || shown > 0;
  const all = cards.length === 1 ? '1 message' : `${cards.length} messages`;
  count.textContent = shown === cards.length ? all : `${shown} of ${all}`;
}

function showAll() {
  search.value = '';
  filter();
}

search.addEventListener('input', filter);
search.form?.addEventListener('submit', (event) => event.preventDefault());

// The keyboard: `/` to search, Esc to show all, arrows from message to message.

/** @param {1 | -1} step */
function move(step) {
  const buttons = cards.filter(fits).map((it) => the('button', HTMLButtonElement, it.element));
  const stops = [search, ...buttons];
  const here = stops.findIndex((it) => it === document.activeElement);
  if (here !== -1) stops[here + step]?.focus();
}

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const isInSearch = event.target === search;
  if (event.key === '/' && !isInSearch) search.focus();
  else if (event.key === 'Escape') showAll();
  else if (event.key === 'ArrowDown') move(1);
  else if (event.key === 'ArrowUp') move(-1);
  else return;
  event.preventDefault();
});

// The connection.

/** @param {'live' | 'lost'} state @param {string} text */
function connected(state, text) {
  connection.dataset.state = state;
  connection.textContent = text;
}

the('#endpoint', HTMLElement).textContent = location.origin;
search.value = new URLSearchParams(location.search).get('to') ?? '';

const stream = new EventSource('/sandbox/messages/stream');
// Each connection begins with all, so that what went out in between is not missed.
stream.addEventListener('all', (event) => {
  replaceAll(JSON.parse(event.data));
  connected('live', 'Live');
});
stream.addEventListener('new', (event) => add(JSON.parse(event.data)));
stream.addEventListener('error', () => {
  const isOver = stream.readyState === EventSource.CLOSED;
  connected('lost', isOver ? 'Gone: load the page again' : 'Not connected: trying again');
});
