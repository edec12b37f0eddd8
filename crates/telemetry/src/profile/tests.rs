use super::*;
use prost::Message;
use std::io::Read;

/// Spends processor time where a profile can see it.
#[inline(never)]
fn a_busy_function(rounds: u64) -> u64 {
    (0..rounds).fold(1, |hash, round| std::hint::black_box((hash ^ round).wrapping_mul(0x100_0000_01b3)))
}

/// Processor time of this process in hundredths of a second.
fn spent() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_ascii_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn a_busy_thread_is_seen_and_a_second_profile_is_refused() {
    let profile = during(1_000, || {
        assert!(matches!(cpu(Duration::from_secs(1), 100), Err(Error::Running)));
        let busy = std::thread::Builder::new().name("busy-bee".to_owned()).spawn(|| {
            // so much processor time, however long that takes
            let until = spent() + 100;
            while spent() < until {
                std::hint::black_box(a_busy_function(200_000));
            }
        });
        busy.unwrap().join().unwrap();
    })
    .unwrap();
    let seen = |stack: &Vec<String>| {
        stack[0] == "busy-bee" && stack.iter().any(|name| name.contains("a_busy_function"))
    };
    let busy: u64 = profile.stacks.iter().filter(|(stack, _)| seen(stack)).map(|(_, count)| count).sum();
    assert!(
        busy * 2 > profile.samples() && busy > 10,
        "{busy} of {}: {}",
        profile.samples(),
        profile.folded()
    );

    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(&*profile.pprof().unwrap()).read_to_end(&mut bytes).unwrap();
    let proto = proto::Proto::decode(&*bytes).unwrap();
    let text = |at: i64| proto.string_table[usize::try_from(at).unwrap()].as_str();
    assert_eq!(
        (text(proto.sample_type[0].kind), text(proto.sample_type[1].unit)),
        ("samples", "nanoseconds")
    );
    let total: i64 = proto.sample.iter().map(|sample| sample.value[0]).sum();
    assert_eq!(total.unsigned_abs(), profile.samples());
    let name = |location: u64| {
        let location = proto.location.iter().find(|other| other.id == location).unwrap();
        text(proto.function.iter().find(|other| other.id == location.line[0].function_id).unwrap().name)
    };
    assert!(proto.sample.iter().any(|sample| {
        let names: Vec<_> = sample.location_id.iter().map(|id| name(*id)).collect();
        names.last() == Some(&"busy-bee") && names.iter().any(|name| name.contains("a_busy_function"))
    }));
    assert!(profile.flamegraph().contains("a_busy_function"));
    // and another one afterwards
    assert!(during(100, || ()).is_ok());
}

#[test]
fn what_is_no_profile_is_refused() {
    let code = |duration, hertz| cpu(duration, hertz).unwrap_err().code();
    assert_eq!(code(Duration::from_millis(999), 100), ErrorCode::Invalid);
    assert_eq!(code(Duration::from_secs(61), 100), ErrorCode::Invalid);
    assert_eq!(code(Duration::from_secs(1), 0), ErrorCode::Invalid);
    assert_eq!(code(Duration::from_secs(1), 1_001), ErrorCode::Invalid);
}

#[test]
fn a_picture_escapes_names_and_stays_small() {
    let mut stacks = BTreeMap::new();
    stacks.insert(vec!["main".to_owned(), "<Vec<T> as Drop>::drop\u{7}".to_owned()], 999_000);
    for i in 0..1_000 {
        stacks.insert(vec!["main".to_owned(), format!("rare{i}")], 1);
    }
    let profile =
        Profile { started: SystemTime::UNIX_EPOCH, duration: Duration::from_secs(2), hertz: 99, stacks };
    let svg = profile.flamegraph();
    assert!(svg.contains("&lt;Vec&lt;T&gt; as Drop&gt;::drop?") && !svg.contains("<Vec"), "{svg}");
    assert!(svg.contains("1000000 samples in 2.0 s") && !svg.contains("rare"), "{}", svg.len());
    assert_eq!(svg.matches("<g>").count(), svg.matches("</g>").count());
}
