// The filters of the list, as a query string: read from an address, and kept in the links beside the list.

import { all } from "./dom.js";

const FILTERS = [
  "q", "sort", "profile", "project_id", "source", "archived",
  "model", "tag", "pinned", "interrupted", "since", "until", "min_cost", "min_messages",
];

/**
 * Return the filters among the parameters of an address: in a fixed order, without empty ones.
 * @param {string | URLSearchParams} query
 * @returns {string} a query string without `?`
 */
export function filtersOf(query) {
  const given = new URLSearchParams(query);
  const kept = new URLSearchParams();
  for (const name of FILTERS) {
    const value = given.get(name);
    if (value) kept.set(name, value);
  }
  return kept.toString();
}

/**
 * Return whether filters search for text.
 * @param {string} filters
 */
export function isSearch(filters) {
  return new URLSearchParams(filters).has("q");
}

/**
 * Return an address on this server with its filters replaced; the rest of it stays.
 * @param {string} address
 * @param {string} [filters] those of this page by default
 * @returns {string} path, query and hash
 */
export function withFilters(address, filters = filtersOf(location.search)) {
  const url = new URL(address, location.href);
  for (const name of FILTERS) url.searchParams.delete(name);
  for (const [name, value] of new URLSearchParams(filters)) url.searchParams.set(name, value);
  return url.pathname + url.search + url.hash;
}

/**
 * Make the links and forms of a conversation's page lead to pages with these filters.
 * @param {ParentNode} content
 * @param {string} filters
 */
export function keepFilters(content, filters) {
  for (const link of all(content, ".back a, a[href^='/session/']:not([target])", HTMLAnchorElement)) {
    link.setAttribute("href", withFilters(link.href, filters));
  }
  for (const form of all(content, "form[action^='/session/']", HTMLFormElement)) {
    form.setAttribute("action", withFilters(form.getAttribute("action") ?? "", filters));
  }
}
