"""The JSON API: its routes, the shapes of its answers, and the OpenAPI document made from both."""
