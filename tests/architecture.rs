//! Rules about the source itself, which no compiler checks.

use std::path::{Path, PathBuf};

fn sources() -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    found.sort();
    found
}

/// SQLite counts `$1`, `$2` by where they first stand, PostgreSQL by their number: only a statement
/// that names them in order means the same in both.
#[test]
fn sql_parameters_stand_in_order() {
    for (path, text) in sources() {
        for (index, literal) in text.split('"').enumerate() {
            if index % 2 == 0 {
                continue;
            }
            let mut seen: Vec<usize> = Vec::new();
            for piece in literal.split('$').skip(1) {
                let digits: String = piece.chars().take_while(char::is_ascii_digit).collect();
                if let Ok(number) = digits.parse()
                    && !seen.contains(&number)
                {
                    seen.push(number);
                }
            }
            let expected: Vec<usize> = (1..=seen.len()).collect();
            assert_eq!(seen, expected, "{}: {literal}", path.display());
        }
    }
}

/// A folder imports only folders that `lib.rs` declares above it.
#[test]
fn imports_only_point_down() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let order: Vec<String> = std::fs::read_to_string(root.join("lib.rs"))
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';').map(str::to_owned))
        .collect();
    for (path, text) in sources() {
        let inside = path.strip_prefix(&root).unwrap();
        let stage = inside.iter().next().unwrap().to_string_lossy().replace(".rs", "");
        let Some(own) = order.iter().position(|name| *name == stage) else { continue };
        for piece in text.split("crate::").skip(1) {
            let name: String =
                piece.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if let Some(other) = order.iter().position(|known| *known == name) {
                assert!(other <= own, "{}: {stage} must not know {name}", inside.display());
            }
        }
    }
}

/// SQL stands where it can be found: in files named `sql.rs`, one for each stage.
#[test]
fn statements_stand_in_sql_files() {
    for (path, text) in sources() {
        let name = path.file_name().unwrap().to_string_lossy();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for word in ["\"SELECT ", "\"INSERT ", "\"UPDATE ", "\"DELETE "] {
            assert!(name == "sql.rs" || !code.contains(word), "{}: {word}", path.display());
        }
    }
}

/// Whoever meets an error is told how to go on: by `next`, in the same expression.
#[test]
fn every_error_says_how_to_go_on() {
    for (path, text) in sources() {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for kind in ["usage", "no", "damaged", "new"] {
            let call = format!("Error::{kind}(");
            for (at, _) in code.match_indices(&call) {
                let mut rest = after_call(&code[at + call.len()..]);
                let mut says = false;
                while let Some((name, inside)) = method(rest) {
                    says |= name == "next";
                    rest = after_call(inside);
                }
                let line = 1 + code[..at].matches('\n').count();
                assert!(says, "{}:{line}: no .next(…)", path.display());
            }
        }
    }
}

/// What follows the closing bracket of a call, of which `inside` stands behind the opening one.
fn after_call(inside: &str) -> &str {
    let (mut depth, mut quoted, mut escaped) = (1, false, false);
    for (at, c) in inside.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &inside[at + 1..];
        }
    }
    ""
}

/// The method that is called on what stands before, and what follows its opening bracket.
fn method(rest: &str) -> Option<(&str, &str)> {
    let (name, inside) = rest.trim_start().strip_prefix('.')?.split_once('(')?;
    name.chars().all(|c| c.is_alphanumeric() || c == '_').then_some((name, inside))
}
