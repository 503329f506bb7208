// How wide and how dense the list is, and what keys and the mouse make of it. Knows no DOM.

/** @typedef {"comfortable" | "compact"} Density */

const LEAST_WIDTH = 240; // pixels
const MOST_OF_WINDOW = 0.38; // as the grid of app.css
const STEP = 16;

/** @typedef {{ least: number, most: number }} Bounds */

/**
 * Return how wide the list can be in a window.
 * @param {number} windowWidth pixels
 * @returns {Bounds}
 */
export function boundsIn(windowWidth) {
  return { least: LEAST_WIDTH, most: Math.max(LEAST_WIDTH, Math.floor(windowWidth * MOST_OF_WINDOW)) };
}

/**
 * Return a width within bounds, in whole pixels.
 * @param {number} width
 * @param {Bounds} bounds
 */
export function within(width, { least, most }) {
  return Math.round(Math.min(most, Math.max(least, width)));
}

/**
 * Return the width that a key leads to, null for a key that changes none.
 * @param {string} key
 * @param {number} width
 * @param {Bounds} bounds
 * @returns {number | null}
 */
export function widthAfter(key, width, bounds) {
  switch (key) {
    case "ArrowLeft": return within(width - STEP, bounds);
    case "ArrowRight": return within(width + STEP, bounds);
    case "Home": return bounds.least;
    case "End": return bounds.most;
    default: return null;
  }
}

/**
 * Return the other density.
 * @param {Density} density
 * @returns {Density}
 */
export function otherDensity(density) {
  return density === "compact" ? "comfortable" : "compact";
}
