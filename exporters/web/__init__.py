"""The program in a browser: the emitted C as WebAssembly, and a page that feeds and shows it (docs/web.md)."""
