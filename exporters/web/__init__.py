"""A program in a browser: its C as WebAssembly, and a page that feeds and shows it (docs/web.md)."""
