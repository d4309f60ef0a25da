"""Networks of other tools: NIR files, read as descriptions and written from them."""
