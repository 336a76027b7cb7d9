"""What all views share: how numbers, tables, pages, drawings and signs look. Nothing here knows pools or IPython.

| module | what is in it |
|---|---|
| `texts` | numbers, sizes and counts for people |
| `tables` | a title and rows, as text and as HTML |
| `pages` | HTML that needs neither a script nor a style sheet, and files in the format that their ending names |
| `signs` | a letter or mark on a colour, and what both mean |
| `svg` | SVG elements as text |
| `main_thread` | calls functions in the thread in which cells run |
"""
