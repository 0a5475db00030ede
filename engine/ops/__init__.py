"""Array ops: frozen dataclasses that know types and arrays, never variables."""
