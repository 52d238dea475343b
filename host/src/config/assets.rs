//! `[assets]`: inputs of a run, as written and as meant.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::{
    ConfigError,
    document::join,
    error::quoted,
    file::LoadedFile,
    sources::{Sourced, Sources},
};
use crate::{
    names::{Digest, nearest},
    workspace::{Asset, AssetSource, AssetUrl, Inside, RelativePath},
};

/// One asset, as written: exactly one of the first five says where it comes from.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AssetTable {
    file: Option<Spanned<String>>,
    folder: Option<Spanned<String>>,
    archive: Option<Spanned<String>>,
    url: Option<Spanned<String>>,
    secret: Option<Spanned<String>>,
    sha256: Option<Spanned<String>>,
    save_path: Option<Spanned<String>>,
}

/// How the names of archives end.
const SUFFIXES: [&str; 9] = [".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tar.zstd"];

/// Assets by name.
pub(super) type AssetTables = BTreeMap<Spanned<String>, AssetTable>;

/// The assets of all files: those without a group, then the groups in their order. A later one of the same name wins.
pub(super) fn assets(sources: &Sources<'_>) -> Result<BTreeMap<String, Asset>, ConfigError> {
    let mut assets = BTreeMap::new();
    for file in sources.files {
        take(file, "assets", &file.run.assets, &mut assets)?;
    }
    let order = sources.list_in_files("asset_order", |file| file.asset_order.as_ref());
    let groups: Vec<_> = sources.files.iter().flat_map(|file| file.run.asset_groups.iter().map(move |group| (file, group))).collect();
    if let (None, Some((file, (name, _)))) = (&order, groups.first()) {
        let subject = Box::new(file.subject(join("asset_groups", name.get_ref()), name.span().start));
        let why = "groups need an order, such as `asset_order = [\"base\", \"hard\"]`: a later one wins".to_owned();
        return Err(ConfigError::Refused { subject, why });
    }
    for wanted in order.unwrap_or_default() {
        let mut found = groups.iter().filter(|(_, (name, _))| name.get_ref() == wanted.value).peekable();
        if found.peek().is_none() {
            let names = groups.iter().map(|(_, (name, _))| name.get_ref().as_str());
            let meant = nearest(wanted.value, names).map_or_else(String::new, |meant| format!(", such as `{meant}`"));
            return Err(wanted.wrong(format!("the name of a table in `asset_groups`{meant}")));
        }
        for (file, (name, tables)) in found {
            take(file, &join("asset_groups", name.get_ref()), tables, &mut assets)?;
        }
    }
    no_two_at_one_place(sources, &assets)?;
    Ok(assets)
}

fn take(file: &LoadedFile, path: &str, tables: &AssetTables, assets: &mut BTreeMap<String, Asset>) -> Result<(), ConfigError> {
    for (name, table) in tables {
        let key = join(path, name.get_ref());
        let asset = asset(file, &key, name, table)?;
        assets.insert(name.get_ref().clone(), asset);
    }
    Ok(())
}

fn asset(file: &LoadedFile, key: &str, name: &Spanned<String>, table: &AssetTable) -> Result<Asset, ConfigError> {
    let refuse = |why: &str| ConfigError::Refused { subject: Box::new(file.subject(key, name.span().start)), why: why.to_owned() };
    let is_name =
        |text: &str| (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if !is_name(name.get_ref()) {
        return Err(refuse("the name of an asset has 1 to 64 letters, digits, `.`, `_` and `-`"));
    }
    let inside = |field: &str, value: &Spanned<String>| -> Result<Inside, ConfigError> {
        let text = file.text(join(key, field), value);
        let path = text.value.strip_prefix("./").unwrap_or(text.value);
        let path = path.strip_suffix('/').unwrap_or(path).parse::<RelativePath>();
        let path = path.map_err(|_| text.wrong("a path below the folder of this file, relative and without `..`"))?;
        let folder = std::path::absolute(&file.folder).map_err(ConfigError::NoCurrentDirectory)?;
        Ok(Inside { folder, path })
    };
    let mut found = vec![];
    if let Some(value) = &table.file {
        found.push(AssetSource::File(inside("file", value)?));
    }
    if let Some(value) = &table.folder {
        found.push(AssetSource::Folder(inside("folder", value)?));
    }
    if let Some(value) = &table.archive {
        found.push(AssetSource::Archive(inside("archive", value)?));
    }
    if let Some(value) = &table.url {
        // Not shown in a complaint: it may be signed.
        let is_url = value.get_ref().strip_prefix("https://").is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
        if !is_url || value.get_ref().contains(char::is_whitespace) {
            return Err(file.text(join(key, "url"), value).wrong_as("another text", "a URL that begins with `https://`"));
        }
        found.push(AssetSource::Url(AssetUrl::new(value.get_ref().clone())));
    }
    if let Some(value) = &table.secret {
        let secret = file
            .text(join(key, "secret"), value)
            .parse(|name| name.parse().map_err(|_| "the name of a secret, as `worldflux secret list` shows it"))?;
        found.push(AssetSource::Secret(secret));
    }
    let (1, Some(source)) = (found.len(), found.pop()) else {
        return Err(refuse("an asset has exactly one of `file`, `folder`, `archive`, `url` and `secret`"));
    };
    let sha256 = match (&table.sha256, &source) {
        (None, AssetSource::Url(_)) => return Err(refuse("what is fetched needs a `sha256`: 64 hexadecimal digits")),
        (None, _) => None,
        (Some(_), AssetSource::Folder(_) | AssetSource::Secret(_)) => {
            return Err(refuse("`sha256` belongs to a file, to an archive or to what is fetched"));
        }
        (Some(value), _) => Some(file.text(join(key, "sha256"), value).parse(digest)?),
    };
    let save_path = match (&table.save_path, &source) {
        (Some(value), _) => file
            .text(join(key, "save_path"), value)
            .parse(|path| path.parse::<RelativePath>().map_err(|_| "a relative path without `.`, `..` and empty names"))?,
        (None, AssetSource::File(inside) | AssetSource::Folder(inside)) => inside.path.clone(),
        (None, AssetSource::Archive(inside)) => without_suffix(&inside.path),
        (None, _) => name.get_ref().parse().map_err(|_| refuse("its name is no file name, so it needs a `save_path`"))?,
    };
    Ok(Asset { name: name.get_ref().clone(), source, save_path, sha256 })
}

/// Where what is in an archive goes, where nobody says: beside it, under its name without what says that it is one.
fn without_suffix(path: &RelativePath) -> RelativePath {
    let text = path.as_text().unwrap_or_default();
    let folder = SUFFIXES.iter().find_map(|suffix| text.strip_suffix(suffix)).and_then(|folder| folder.parse().ok());
    folder.unwrap_or_else(|| path.clone())
}

fn digest(text: &str) -> Result<Digest, &'static str> {
    let text = if text.starts_with("sha256:") { text.to_owned() } else { format!("sha256:{text}") };
    text.parse().map_err(|_| "64 hexadecimal digits")
}

/// Two assets at one place would silently be one.
fn no_two_at_one_place(sources: &Sources<'_>, assets: &BTreeMap<String, Asset>) -> Result<(), ConfigError> {
    for (index, one) in assets.values().enumerate() {
        let taken = assets.values().skip(index + 1).find(|other| other.save_path == one.save_path);
        let (Some(other), Some(file)) = (taken, sources.strongest().next()) else { continue };
        let why = format!(
            "it lies at {}, where asset `{}` lies: give one of them another `save_path`",
            quoted(&one.save_path.to_string()),
            one.name
        );
        return Err(ConfigError::Refused { subject: Box::new(file.subject(join("assets", &other.name), 0)), why });
    }
    Ok(())
}

impl LoadedFile {
    /// A text of this file.
    fn text<'s>(&'s self, key: String, value: &'s Spanned<String>) -> Sourced<'s, &'s str> {
        Sourced { value: value.get_ref().as_str(), subject: self.subject(key, value.span().start), base: &self.folder }
    }
}
