"""The forms in which notebooks show things: pages, tables, code, formulas."""
