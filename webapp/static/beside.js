// Addresses of a conversation's page: each keeps the filters of the list beside it.

import { FILTERS, filtersOf } from "./list.js";

/** Return an address of ours with other filters, those of this page if none are given; all else in it stays. */
export function withFilters(address, filters = filtersOf(location.search)) {
  const url = new URL(address, location);
  for (const name of FILTERS) url.searchParams.delete(name);
  for (const [name, value] of new URLSearchParams(filters)) url.searchParams.set(name, value);
  return url.pathname + url.search + url.hash;
}

/** Let the links and the forms of a conversation's page lead to pages that keep these filters. */
export function keepFilters(content, filters) {
  for (const link of content.querySelectorAll(".back a, a[href^='/session/']:not([target])")) {
    link.setAttribute("href", withFilters(link.href, filters));
  }
  for (const form of content.querySelectorAll("form[action^='/session/']")) {
    form.setAttribute("action", withFilters(form.getAttribute("action"), filters));
  }
}
