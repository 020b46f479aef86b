use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::*;
use crate::batch::batches;
use crate::line::Line;

const LIMIT: u64 = 1 << 20;

fn line(id: u64) -> (Option<u64>, String) {
    (Some(id), format!(r#"{{"id":"{id:x}","environment":"demo","events":[{id}]}}"#))
}

fn input(ids: &[u64]) -> Input {
    Input { lines: ids.iter().map(|id| line(*id)).collect(), position: None }
}

fn open(path: &Path) -> Spool {
    Spool::open(path, LIMIT).unwrap().0
}

/// A copy of a spool, as it is after a crash at this moment.
fn crashed(path: &Path) -> (tempfile::TempDir, Spool) {
    let copy = tempfile::tempdir().unwrap();
    for folder in ["", "refused"] {
        fs::create_dir_all(copy.path().join(folder)).unwrap();
        for entry in fs::read_dir(path.join(folder)).unwrap() {
            let entry = entry.unwrap();
            if entry.metadata().unwrap().is_file() {
                fs::copy(entry.path(), copy.path().join(folder).join(entry.file_name())).unwrap();
            }
        }
    }
    let spool = open(copy.path());
    (copy, spool)
}

fn batches_of(spool: &Spool, number: u64) -> Vec<Batch> {
    let lines = spool.lines(number).unwrap();
    batches(Kind::Events, lines.lines().map(|line| Line::parse(line).unwrap()))
}

/// The events of a spool that are to be sent.
fn to_send(spool: &Spool) -> BTreeSet<u64> {
    let numbers: Vec<u64> = spool.state().sealed.keys().copied().collect();
    let mut found = BTreeSet::new();
    for number in numbers {
        for batch in batches_of(spool, number) {
            if !spool.is_done(number, &batch) {
                let body: serde_json::Value = serde_json::from_str(&batch.body).unwrap();
                found.extend(body["events"].as_array().unwrap().iter().map(|event| event.as_u64().unwrap()));
            }
        }
    }
    found
}

fn finish(spool: &Spool, number: u64) {
    Kind::ALL.into_iter().for_each(|kind| spool.finish(number, kind).unwrap());
}

/// Whatever step was the last one, the next process sends what is acknowledged and not settled, and nothing else.
#[test]
fn after_a_crash_at_any_step_what_is_acknowledged_and_not_settled_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let expect = |ids: &[u64]| {
        let (_copy, crashed) = crashed(folder.path());
        assert_eq!(to_send(&crashed), BTreeSet::from_iter(ids.iter().copied()));
        // What came before comes again.
        let again = crashed.take(input(&[1, 2, 3, 4])).unwrap();
        assert_eq!(again.lines + again.duplicates, 4);
        crashed.seal_if_older(Duration::ZERO);
        let new: Vec<u64> = (1..=4).filter(|id| !spool.state().seen.has(*id)).collect();
        assert_eq!(again.lines, new.len() as u64);
    };
    expect(&[]);
    assert_eq!(spool.take(input(&[1, 2])).unwrap(), Taken { lines: 2, duplicates: 0 });
    expect(&[1, 2]);
    spool.seal_if_older(Duration::ZERO);
    expect(&[1, 2]);
    assert_eq!(spool.take(input(&[2, 3, 3])).unwrap(), Taken { lines: 1, duplicates: 2 });
    expect(&[1, 2, 3]);
    spool.seal_if_older(Duration::ZERO);
    let (first, second) = (1, 2);
    let batch = batches_of(&spool, first).remove(0);
    spool.record_done(first, &batch).unwrap();
    expect(&[3]);
    finish(&spool, first);
    expect(&[3]);
    let refused = batches_of(&spool, second).remove(0);
    spool.set_aside(second, &refused).unwrap();
    // It is sent with those that were refused, and not twice.
    expect(&[]);
    spool.record_done(second, &refused).unwrap();
    expect(&[]);
    finish(&spool, second);
    expect(&[]);
    let (_copy, crashed) = crashed(folder.path());
    let names = crashed.refused().unwrap();
    let read = crashed.read_refused(&names[0].0).unwrap().unwrap();
    assert_eq!((names.len(), read.batch), (1, refused));
}

#[test]
fn an_input_of_which_only_a_part_is_on_disk_was_not_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    spool.take(input(&[1])).unwrap();
    let whole = fs::read(folder.path().join("segment-00000000000000000001")).unwrap();
    spool.take(input(&[2])).unwrap();
    drop(spool);
    let path = folder.path().join("segment-00000000000000000001");
    let both = fs::read(&path).unwrap();
    for length in whole.len()..both.len() {
        fs::write(&path, &both[..length]).unwrap();
        let (spool, complaints) = Spool::open(folder.path(), LIMIT).unwrap();
        assert_eq!(
            (to_send(&spool), complaints.len()),
            (BTreeSet::from([1]), usize::from(length > whole.len()))
        );
        assert_eq!(fs::read(&path).unwrap(), whole);
        // A new segment is begun: the one that was found is as it is.
        assert_eq!(spool.take(input(&[2])).unwrap().lines, 1);
        spool.seal_if_older(Duration::ZERO);
        assert_eq!(to_send(&spool), BTreeSet::from([1, 2]));
        fs::remove_file(folder.path().join("segment-00000000000000000002")).unwrap();
    }
}

#[test]
fn positions_are_kept_with_the_lines_before_them() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let at = |id: u64, end: u64| Input { position: Some(("file".to_owned(), end)), ..input(&[id]) };
    spool.take(at(1, 10)).unwrap();
    spool.take(Input { position: Some(("file".to_owned(), 20)), ..Input::default() }).unwrap();
    let position = || crashed(folder.path()).1.position("file");
    assert_eq!((position(), spool.position("file"), spool.position("other")), (20, 20, 0));
    spool.seal_if_older(Duration::ZERO);
    finish(&spool, 1);
    assert_eq!(position(), 20);
    assert_eq!(spool.waits(), None);
    // The file with the positions is all that is left, beside the identifiers, which do not fill the spool.
    let left = fs::metadata(folder.path().join("positions")).unwrap().len();
    assert_eq!((spool.held(), crashed(folder.path()).1.held()), (left, left));
}

#[test]
fn what_finds_no_room_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (spool, _) = Spool::open(folder.path(), 500).unwrap();
    spool.take(input(&[1])).unwrap();
    let held = spool.held();
    let many: Vec<u64> = (2..20).collect();
    let error = spool.take(input(&many)).unwrap_err();
    assert_eq!(error.to_string(), format!("the spool is full: it holds {held} bytes of 500"));
    assert_eq!((spool.held(), spool.take(input(&[2])).unwrap().lines), (held, 1));
    spool.seal_if_older(Duration::ZERO);
    assert_eq!(to_send(&spool), BTreeSet::from([1, 2]));
    assert!(matches!(Spool::open(folder.path(), 500), Err(SpoolError::Locked(_))));
}
