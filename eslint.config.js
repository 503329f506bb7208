// The rules for the scripts of the pages and their tests. Types are checked by tsc, with tsconfig.json.

import js from "@eslint/js";
import globals from "globals";

const RULES = {
  "array-callback-return": "error",
  "consistent-return": "error",
  "default-case-last": "error",
  "eqeqeq": "error",
  "max-lines-per-function": ["error", { max: 40, skipBlankLines: true, skipComments: true }],
  "no-alert": "error",
  "no-console": "error",
  "no-constructor-return": "error",
  "no-duplicate-imports": "error",
  "no-else-return": "error",
  "no-eval": "error",
  "no-implied-eval": "error",
  "no-lonely-if": "error",
  "no-new": "error",
  "no-new-func": "error",
  "no-param-reassign": "error",
  "no-promise-executor-return": "error",
  "no-self-compare": "error",
  "no-sequences": "error",
  "no-shadow": "error",
  "no-template-curly-in-string": "error",
  "no-throw-literal": "error",
  "no-unmodified-loop-condition": "error",
  "no-unneeded-ternary": "error",
  "no-unreachable-loop": "error",
  "no-useless-concat": "error",
  "no-useless-rename": "error",
  "no-useless-return": "error",
  "no-var": "error",
  "object-shorthand": "error",
  "prefer-const": "error",
  "prefer-promise-reject-errors": "error",
  "prefer-rest-params": "error",
  "prefer-spread": "error",
  "prefer-template": "error",
  "radix": "error",
};

// Text from a conversation must never become HTML: elements are built, or parsed into a document whose scripts do not run.
const NO_HTML = ["innerHTML", "outerHTML"].map((name) => ({
  selector: `AssignmentExpression > MemberExpression.left[property.name='${name}']`,
  message: "Build elements instead of assigning HTML.",
}));
const NO_HTML_CALLS = ["insertAdjacentHTML", "setHTMLUnsafe", "write", "writeln"].map((property) => ({
  property,
  message: "Build elements instead of inserting HTML.",
}));

export default [
  { ignores: [".venv/", "build/", "dist/", "tests/**/vendor/"] },
  js.configs.recommended,
  { linterOptions: { reportUnusedDisableDirectives: "error" }, rules: RULES },
  {
    files: ["webapp/static/**/*.js"],
    languageOptions: { globals: globals.browser },
    rules: {
      "no-restricted-properties": ["error", ...NO_HTML_CALLS],
      "no-restricted-syntax": ["error", ...NO_HTML],
    },
  },
  {
    files: ["tests/web/static/**/*.js"],
    languageOptions: { globals: globals.nodeBuiltin },
    rules: {
      "max-lines-per-function": "off", // `describe` takes all tests of a subject as one function
    },
  },
];
