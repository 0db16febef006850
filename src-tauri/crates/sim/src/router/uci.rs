//! OpenWrt's configuration: packages of sections of options, in two layers. What is set is staged, lost at a reboot and
//! seen by nobody but `uci` itself; what is committed is on flash, and what services read when they are told to.

use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    One(String),
    List(Vec<String>),
}

impl Value {
    pub(super) fn text(&self) -> String {
        match self {
            Value::One(text) => text.clone(),
            Value::List(items) => items.join(" "),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) anonymous: bool,
    pub(super) options: Vec<(String, Value)>,
}

impl Section {
    pub(super) fn get(&self, option: &str) -> Option<&Value> {
        self.options.iter().find(|(name, _)| name == option).map(|(_, value)| value)
    }

    pub(super) fn text(&self, option: &str) -> Option<String> {
        self.get(option).map(Value::text)
    }

    fn put(&mut self, option: &str, value: Value) {
        match self.options.iter_mut().find(|(name, _)| name == option) {
            Some((_, old)) => *old = value,
            None => self.options.push((option.to_owned(), value)),
        }
    }
}

pub(super) type Package = Vec<Section>;

/// Why something cannot be done, in the words of the tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    NotFound,
    Invalid,
}

impl Refusal {
    pub(super) fn words(self) -> &'static str {
        match self {
            Refusal::NotFound => "Entry not found",
            Refusal::Invalid => "Invalid argument",
        }
    }
}

/// `package[.section[.option]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) package: String,
    pub(super) section: Option<String>,
    pub(super) option: Option<String>,
}

impl Path {
    pub(super) fn parse(text: &str) -> Result<Path, Refusal> {
        let mut words = text.splitn(3, '.').map(str::to_owned);
        let package = words.next().filter(|word| is_name(word)).ok_or(Refusal::Invalid)?;
        let (section, option) = (words.next(), words.next());
        let addressed = section.as_deref().is_none_or(|word| is_name(word) || address(word).is_some());
        if !addressed || option.as_deref().is_some_and(|word| !is_name(word)) {
            return Err(Refusal::Invalid);
        }
        Ok(Path { package, section, option })
    }
}

fn is_name(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// `@type[index]`, where a negative index counts from the end.
fn address(word: &str) -> Option<(&str, i64)> {
    let (kind, index) = word.strip_prefix('@')?.strip_suffix(']')?.split_once('[')?;
    Some((kind, index.parse().ok()?))
}

/// Where a section is in its package.
fn place(package: &Package, section: &str) -> Option<usize> {
    let Some((kind, index)) = address(section) else {
        return package.iter().position(|known| known.name == section);
    };
    let same: Vec<usize> = (0..package.len()).filter(|at| package[*at].kind == kind).collect();
    let index = if index < 0 { index + same.len() as i64 } else { index };
    same.get(usize::try_from(index).ok()?).copied()
}

/// Both layers.
#[derive(Debug, Clone, Default)]
pub(super) struct Uci {
    committed: BTreeMap<String, Package>,
    staged: BTreeMap<String, Package>,
    /// Numbers of anonymous sections.
    named: u32,
}

impl Uci {
    pub(super) fn with(packages: Vec<(&str, Package)>) -> Uci {
        let committed = packages.into_iter().map(|(name, package)| (name.to_owned(), package)).collect();
        Uci { committed, staged: BTreeMap::new(), named: 0 }
    }

    /// What services read.
    pub(super) fn committed(&self, package: &str) -> &[Section] {
        self.committed.get(package).map_or(&[], Vec::as_slice)
    }

    pub(super) fn packages(&self) -> impl Iterator<Item = &str> {
        self.committed.keys().map(String::as_str)
    }

    /// What `uci` shows.
    pub(super) fn view(&self, package: &str) -> Result<&Package, Refusal> {
        self.staged.get(package).or_else(|| self.committed.get(package)).ok_or(Refusal::NotFound)
    }

    fn edit(&mut self, package: &str) -> Result<&mut Package, Refusal> {
        let now = self.view(package)?.clone();
        Ok(self.staged.entry(package.to_owned()).or_insert(now))
    }

    pub(super) fn section(&self, package: &str, section: &str) -> Result<&Section, Refusal> {
        let package = self.view(package)?;
        place(package, section).map(|at| &package[at]).ok_or(Refusal::NotFound)
    }

    /// A section's type, or an option's value.
    pub(super) fn get(&self, path: &Path) -> Result<Value, Refusal> {
        let section = self.section(&path.package, path.section.as_deref().ok_or(Refusal::Invalid)?)?;
        match &path.option {
            None => Ok(Value::One(section.kind.clone())),
            Some(option) => section.get(option).cloned().ok_or(Refusal::NotFound),
        }
    }

    /// Makes a section of that type, or gives an option its value. An empty value takes the option away.
    pub(super) fn set(&mut self, path: &Path, value: Value) -> Result<(), Refusal> {
        let name = path.section.as_deref().ok_or(Refusal::Invalid)?;
        let Some(option) = &path.option else {
            let kind = value.text();
            if !is_name(&kind) {
                return Err(Refusal::Invalid);
            }
            let package = self.edit(&path.package)?;
            match place(package, name) {
                Some(at) => package[at].kind = kind,
                None if is_name(name) => package.push(Section {
                    name: name.to_owned(),
                    kind,
                    anonymous: false,
                    options: Vec::new(),
                }),
                None => return Err(Refusal::Invalid),
            }
            return Ok(());
        };
        if value.text().is_empty() {
            return match self.delete(path) {
                Err(Refusal::NotFound) if self.section(&path.package, name).is_ok() => Ok(()),
                other => other,
            };
        }
        // Before anything is staged: a refused word must leave no trace.
        self.section(&path.package, name).map_err(|_| Refusal::Invalid)?;
        let package = self.edit(&path.package)?;
        let at = place(package, name).ok_or(Refusal::Invalid)?;
        package[at].put(option, value);
        Ok(())
    }

    pub(super) fn add_to_list(&mut self, path: &Path, item: String) -> Result<(), Refusal> {
        let mut items = match self.get(path) {
            Ok(Value::List(items)) => items,
            Ok(Value::One(text)) => vec![text],
            Err(_) => Vec::new(),
        };
        items.push(item);
        self.set(path, Value::List(items))
    }

    /// An anonymous section, and the name it got.
    pub(super) fn add(&mut self, package: &str, kind: &str) -> Result<String, Refusal> {
        if !is_name(kind) {
            return Err(Refusal::Invalid);
        }
        self.named += 1;
        let name = format!("cfg{:02x}{:04x}", self.named & 0xff, 0x9a3f ^ self.named);
        let section =
            Section { name: name.clone(), kind: kind.to_owned(), anonymous: true, options: Vec::new() };
        self.edit(package)?.push(section);
        Ok(name)
    }

    pub(super) fn delete(&mut self, path: &Path) -> Result<(), Refusal> {
        let name = path.section.as_deref().ok_or(Refusal::Invalid)?;
        let section = self.section(&path.package, name)?;
        if path.option.as_deref().is_some_and(|option| section.get(option).is_none()) {
            return Err(Refusal::NotFound);
        }
        let package = self.edit(&path.package)?;
        let at = place(package, name).ok_or(Refusal::NotFound)?;
        match &path.option {
            None => drop(package.remove(at)),
            Some(option) => package[at].options.retain(|(known, _)| known != option),
        }
        Ok(())
    }

    /// Puts what is staged on flash: one package, or all.
    pub(super) fn commit(&mut self, package: Option<&str>) -> Result<(), Refusal> {
        match package {
            Some(package) => {
                self.view(package)?;
                if let Some((name, staged)) = self.staged.remove_entry(package) {
                    self.committed.insert(name, staged);
                }
            }
            None => self.committed.append(&mut self.staged),
        }
        Ok(())
    }

    /// Forgets what is staged: of a package, a section or an option.
    pub(super) fn revert(&mut self, path: &Path) -> Result<(), Refusal> {
        self.view(&path.package)?;
        let Some(section) = &path.section else {
            self.staged.remove(&path.package);
            return Ok(());
        };
        let committed = self.committed.get(&path.package).cloned().unwrap_or_default();
        let before = place(&committed, section).map(|at| committed[at].clone());
        let package = self.edit(&path.package)?;
        let now = place(package, section);
        match (&path.option, now, before) {
            (None, Some(at), Some(before)) => package[at] = before,
            (None, Some(at), None) => drop(package.remove(at)),
            (None, None, Some(before)) => package.push(before),
            (Some(option), Some(at), before) => match before.and_then(|section| section.get(option).cloned())
            {
                Some(value) => package[at].put(option, value),
                None => package[at].options.retain(|(known, _)| known != option),
            },
            _ => return Err(Refusal::NotFound),
        }
        if self.staged.get(&path.package) == self.committed.get(&path.package) {
            self.staged.remove(&path.package);
        }
        Ok(())
    }

    /// What is staged and not committed, as `uci changes` lists it.
    pub(super) fn changes(&self, only: Option<&str>) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, staged) in self.staged.iter().filter(|(name, _)| only.is_none_or(|only| only == *name)) {
            let committed = self.committed.get(name).cloned().unwrap_or_default();
            for section in staged {
                let before = committed.iter().find(|known| known.name == section.name);
                if before.is_none_or(|before| before.kind != section.kind) {
                    lines.push(format!("{name}.{}='{}'", section.name, section.kind));
                }
                for (option, value) in &section.options {
                    if before.and_then(|before| before.get(option)) != Some(value) {
                        lines.push(format!("{name}.{}.{option}={}", section.name, quoted(value)));
                    }
                }
                let gone = before.into_iter().flat_map(|before| &before.options);
                for (option, _) in gone.filter(|(option, _)| section.get(option).is_none()) {
                    lines.push(format!("-{name}.{}.{option}", section.name));
                }
            }
            for gone in committed.iter().filter(|old| !staged.iter().any(|new| new.name == old.name)) {
                lines.push(format!("-{name}.{}", gone.name));
            }
        }
        lines
    }

    /// As `uci show` lists a package or one section of it.
    pub(super) fn show(&self, path: &Path) -> Result<Vec<String>, Refusal> {
        let package = self.view(&path.package)?;
        let chosen = match &path.section {
            None => package.iter().collect(),
            Some(section) => vec![self.section(&path.package, section)?],
        };
        let mut lines = Vec::new();
        for section in chosen {
            let name = if section.anonymous {
                let same = package.iter().filter(|known| known.kind == section.kind);
                let index = same.take_while(|known| known.name != section.name).count();
                format!("{}.@{}[{index}]", path.package, section.kind)
            } else {
                format!("{}.{}", path.package, section.name)
            };
            match &path.option {
                Some(option) => {
                    let value = section.get(option).ok_or(Refusal::NotFound)?;
                    lines.push(format!("{name}.{option}={}", quoted(value)));
                }
                None => {
                    lines.push(format!("{name}={}", section.kind));
                    let option =
                        |(option, value): &(String, Value)| format!("{name}.{option}={}", quoted(value));
                    lines.extend(section.options.iter().map(option));
                }
            }
        }
        Ok(lines)
    }

    /// The supply is cut: what was staged lay in memory.
    pub(super) fn reboot(&mut self) {
        self.staged.clear();
    }
}

fn quoted(value: &Value) -> String {
    let quote = |text: &String| format!("'{}'", text.replace('\'', "'\\''"));
    match value {
        Value::One(text) => quote(text),
        Value::List(items) => items.iter().map(quote).collect::<Vec<_>>().join(" "),
    }
}

/// A named section of plain options.
pub(super) fn section(name: &str, kind: &str, options: &[(&str, &str)]) -> Section {
    let option = |(name, value): &(&str, &str)| ((*name).to_owned(), Value::One((*value).to_owned()));
    Section {
        name: name.to_owned(),
        kind: kind.to_owned(),
        anonymous: false,
        options: options.iter().map(option).collect(),
    }
}

#[cfg(test)]
#[path = "uci_tests.rs"]
mod tests;
