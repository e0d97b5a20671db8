"""Built-in scenarios, one TOML file each; `microdomain.scenario.examples()` names them."""
