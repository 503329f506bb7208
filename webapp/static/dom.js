// Typed access to elements: a required one throws when it is missing, an optional one is null.

/**
 * A class of elements, such as `HTMLInputElement`.
 * @template {Element} T
 * @typedef {new () => T} ElementClass
 */

/**
 * Return the first element that matches a selector; throw `TypeError` if there is none of that class.
 * @template {Element} T
 * @param {ParentNode} root
 * @param {string} selector
 * @param {ElementClass<T>} type
 * @returns {T}
 */
export function required(root, selector, type) {
  const element = root.querySelector(selector);
  if (element instanceof type) return element;
  throw new TypeError(`the page has no ${type.name} that matches ${selector}`);
}

/**
 * Return the first element that matches a selector, null if there is none of that class.
 * @template {Element} T
 * @param {ParentNode} root
 * @param {string} selector
 * @param {ElementClass<T>} type
 * @returns {T | null}
 */
export function optional(root, selector, type) {
  const element = root.querySelector(selector);
  return element instanceof type ? element : null;
}

/**
 * Return all elements of a class that match a selector.
 * @template {Element} T
 * @param {ParentNode} root
 * @param {string} selector
 * @param {ElementClass<T>} type
 * @returns {T[]}
 */
export function all(root, selector, type) {
  /** @type {T[]} */
  const elements = [];
  for (const element of root.querySelectorAll(selector)) if (element instanceof type) elements.push(element);
  return elements;
}

/**
 * Return the element with an id; throw `TypeError` if there is none.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (element) return element;
  throw new TypeError(`the page has no element with the id ${id}`);
}

/**
 * Return the dialog with an id; throw `TypeError` if there is none.
 * @param {string} id
 * @returns {HTMLDialogElement}
 */
export function dialogById(id) {
  return required(document, `dialog#${CSS.escape(id)}`, HTMLDialogElement);
}

/**
 * Return the HTML element that a node is, or that encloses it, and that matches a selector; null if none does.
 * @param {EventTarget | null} target such as an event's target, or the focused element
 * @param {string} selector
 * @returns {HTMLElement | null}
 */
export function closest(target, selector) {
  const element = target instanceof Element ? target.closest(selector) : null;
  return element instanceof HTMLElement ? element : null;
}

/**
 * Return the link that encloses a node and matches a selector; null if none does.
 * @param {EventTarget | null} target
 * @param {string} selector
 * @returns {HTMLAnchorElement | null}
 */
export function closestLink(target, selector) {
  const element = closest(target, selector);
  return element instanceof HTMLAnchorElement ? element : null;
}

/**
 * Return an element's text without the space around it.
 * @param {Element | null | undefined} element
 * @returns {string} empty without an element
 */
export function textOf(element) {
  return element?.textContent.trim() ?? "";
}

/**
 * Return the document that a text of HTML describes. Its scripts do not run.
 * @param {string} html
 * @returns {Document}
 */
export function parsed(html) {
  return new DOMParser().parseFromString(html, "text/html");
}

/**
 * Return the fields of a form as a query. A file stands there by its name.
 * @param {HTMLFormElement} form
 * @param {HTMLElement | null} [submitter] the button that sent it, whose value counts too
 * @returns {URLSearchParams}
 */
export function queryOf(form, submitter = null) {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form, submitter)) {
    query.append(name, typeof value === "string" ? value : value.name);
  }
  return query;
}

/**
 * Return what a fetched error page says went wrong, and where the log has more about it; null if it says nothing.
 * @param {Document} page
 * @returns {string | null}
 */
export function errorIn(page) {
  return all(page, "#content .error[role=alert] > p:not(.next)", HTMLElement).map(textOf).join(" ") || null;
}

/**
 * Return whether a key or an input belongs to a text that is still being composed, as Chinese and Japanese are: such an
 * Enter or Escape is for the candidates.
 * @param {Event} event
 */
export function isComposing(event) {
  return (event instanceof KeyboardEvent || event instanceof InputEvent) && event.isComposing;
}
