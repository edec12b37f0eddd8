//! What everybody else sends: hand-written hard cases, and many more from templates on a fixed seed.

use crate::send::{self, Case};

pub(crate) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for text in HARD {
        cases.extend([send::query(text), send::json(text), send::form(text)]);
    }
    cases.extend(CODE.iter().map(|text| send::json(text)));
    cases.extend(QUERIES.iter().map(|text| send::raw_query(text)));
    let mut random = fastrand::Rng::with_seed(20_26);
    for number in 0..2_400 {
        let text = made(&mut random);
        cases.push(match number % 3 {
            0 => send::query(&text),
            1 => send::json(&text),
            _ => send::form(&text),
        });
    }
    cases
}

fn pick<'a>(random: &mut fastrand::Rng, all: &[&'a str]) -> &'a str {
    all[random.usize(..all.len())]
}

/// One text of one of many kinds.
fn made(random: &mut fastrand::Rng) -> String {
    let r = random;
    match r.u8(..16) {
        0 => format!("{} {}", pick(r, FIRST), pick(r, LAST)),
        1 => format!(
            "{}'s {} is {} than {}'s",
            pick(r, FIRST),
            pick(r, THINGS),
            pick(r, &["better", "older", "more expensive"]),
            pick(r, LAST)
        ),
        2 => format!(
            "Please {} the {} {} or {} the {}.",
            pick(r, VERBS),
            pick(r, THINGS),
            pick(r, &["from the list", "where you found it", "and go on"]),
            pick(r, VERBS),
            pick(r, THINGS)
        ),
        3 => (0..r.usize(2..6)).map(|_| pick(r, SENTENCES)).collect::<Vec<_>>().join(" "),
        4 => format!(
            "https://{}.example.com/{}?id={}&ref={}#top",
            pick(r, &["www", "shop", "docs"]),
            pick(r, THINGS),
            r.u32(..),
            pick(r, FIRST)
        ),
        5 => format!(
            "{}.{}+{}@example.{}",
            pick(r, FIRST).to_lowercase(),
            r.u16(..),
            pick(r, THINGS),
            pick(r, &["com", "org", "de", "co.uk"])
        ),
        6 => {
            (0..r.usize(20..200))
                .map(|_| pick(r, &["A", "b", "9", "+", "/", "Q", "z", "0", "k", "W"]))
                .collect::<String>()
                + pick(r, &["", "=", "=="])
        }
        7 => format!(
            "{}-{:02}-{:02}T{:02}:00:00+02:00",
            r.u16(1990..2030),
            r.u8(1..13),
            r.u8(1..29),
            r.u8(..24)
        ),
        8 => format!(
            "# {}\n\n- **{}**: {}\n- `{}`\n\n> {}",
            pick(r, SENTENCES),
            pick(r, THINGS),
            pick(r, SENTENCES),
            pick(r, THINGS),
            pick(r, SENTENCES)
        ),
        9 => format!(
            "{} ({}) - {}; {} & {}",
            pick(r, THINGS),
            r.u16(..),
            pick(r, SENTENCES),
            pick(r, FIRST),
            pick(r, LAST)
        ),
        10 => format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            r.u32(..),
            r.u16(..),
            r.u16(..4096),
            r.u16(..4096),
            r.u64(..1 << 48)
        ),
        11 => format!("price>{} and price<={}", r.u16(..), r.u16(..)),
        12 => format!("{}: {} / {} = {}%", pick(r, THINGS), r.u16(..), r.u16(1..), r.u8(..)),
        13 => pick(r, FOREIGN).to_owned(),
        14 => format!("{{\"{}\": \"{}\", \"n\": {}}}", pick(r, THINGS), pick(r, LAST), r.u16(..)),
        _ => format!("\"{}\", said {} - '{}'!", pick(r, SENTENCES), pick(r, FIRST), pick(r, SENTENCES)),
    }
}

const FIRST: &[&str] = &[
    "Anna", "Seán", "José", "Zoë", "D'Arcy", "Li", "Jean-Luc", "Amélie", "Oğuz", "Siobhán", "N'Golo", "Mia",
];
const LAST: &[&str] = &[
    "O'Brien",
    "O'Neill",
    "d'Arc",
    "McDonald",
    "von Müller",
    "Ng",
    "Smith-Jones",
    "De'Ath",
    "Dell'Acqua",
    "García",
    "Łukasz",
    "Select",
];
const THINGS: &[&str] = &[
    "table", "order", "union", "group", "script", "index", "view", "user", "column", "database", "invoice",
    "cat", "shell", "echo", "bicycle", "password",
];
const VERBS: &[&str] = &[
    "select", "update", "delete", "insert", "drop", "create", "alter", "execute", "find", "sort", "grant",
    "load",
];
const SENTENCES: &[&str] = &[
    "Don't forget to update the table where it's needed.",
    "Select a color from the menu and drop it into the basket.",
    "It's 5 o'clock; let's meet at the café & have lunch.",
    "The European Union selects its delegates from all member states.",
    "She said \"yes\" or 'no', I don't remember which.",
    "Terms & conditions apply; see the FAQ (section 3.2).",
    "We'll insert the key into the lock and open the door.",
    "If 1 < 2 and 3 > 2, what is 2 + 2?",
    "Rock 'n' roll -- it's only music, isn't it?",
    "Please delete my account from your records.",
    "The cat sat on the mat; the dog slept.",
    "Order by Friday or pay extra; group discounts available.",
    "My e-mail's me@example.com, call me at +49 (0)30 123456.",
    "50% off! Buy 2, get 1 free*",
    "Is it safe to execute this script? Or should I exec it later?",
    "100% of users like this and 20 percent don't",
];
const FOREIGN: &[&str] = &[
    "Was ist mit dem Haus? Es ist groß; die Tür geht nicht auf!",
    "L'été dernier, j'ai mangé une glace à l'eau. C'était bon, n'est-ce pas ?",
    "¿Dónde está la biblioteca? ¡Aquí no!",
    "Dell'acqua, per favore. Un po' di più? Sì, grazie.",
    "東京タワーへ行きたいです。何時に開きますか？",
    "Привет, как дела? Всё хорошо!",
    "שלום, מה שלומך?",
    "مرحبا، كيف حالك؟",
    "ご注文（１個）＝￥１,０００",
    "Türkçe karakterler: ğüşıöç; 'tırnak' içinde.",
    "Zażółć gęślą jaźń – 5 zł/szt.",
    "🎉 Congrats!!! 🎉 <3 :-) ;-) >_<",
];

/// In every place.
const HARD: &[&str] = &[
    "O'Brien",
    "O'Reilly & Sons (est. 1984)",
    "it's a 'test' of \"quotes\"",
    "the union of workers will select a new leader",
    "Select * is considered harmful - discuss",
    "drop me a line or table the discussion",
    "1 or 2 items",
    "1=1 is always true, and 2=2 as well",
    "A or B and C = D",
    "x=5 and y=7",
    "if a = 1 or b = 2 then stop",
    "price between 10 and 20",
    "rock'n'roll and r'n'b",
    "don't, won't, can't -- shouldn't've",
    "C# or F#?",
    "C++ & Java; Go",
    "-- signature --",
    "# Heading",
    "50% /month",
    "100% cotton; 30% off",
    "AT&T; P&G; R&D",
    "Tom & Jerry; Bonnie & Clyde",
    "a < b > c",
    "if x<y then z>w",
    "I <3 you",
    "<- go back | go on ->",
    "name <name@example.com>",
    "JavaScript: The Good Parts",
    "onclick and onload are attributes",
    "on = off",
    "the script tag",
    "alert the neighbours (now)",
    "../relative link",
    "...and so on...",
    "see chapter 3/4 ../.. or so",
    "/usr/local/bin",
    "C:\\Projects\\file.txt",
    "echo chamber; cat person; kill time",
    "ls, cd and pwd are commands",
    "use `ls -la` to list files",
    "run `npm install` && `npm test`",
    "cat | dog | mouse",
    "price: $(10)",
    "${name}, welcome!",
    "{{name}} owes you {{amount}}",
    "Dear {first_name},",
    "#{hashtag} #selfie",
    "2*3*4 = 24",
    "sleep (8 hours) is important",
    "benchmark results (2026)",
    "http://localhost:3000/ is where I run it",
    "user's guide: \"how to 'quote'\"",
    "'single quoted'",
    "\"double quoted\"",
    "''",
    "'",
    "\"",
    "`",
    ";",
    "--",
    "/* not code */",
    "a/b/c/d",
    "1/2 + 1/3 = 5/6",
    "(a OR b) AND NOT c",
    "title:\"foo bar\" AND year:[2000 TO 2010]",
    "level=error AND (service=api OR service=web)",
    "+49 (0)30 / 123 45-67",
    "12' x 8' room, 5\" thick",
    "6'2\" tall",
    "Line one\nLine two\nTo: whom it may concern\nFrom: me",
    "Dear Sir,\r\n\r\nthank you.\r\n\r\nYours: me",
    "Subject to change\nLocation: Berlin\nDate: Monday",
    "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
    "SELECT committee; DROP-in centre",
    "insert coin to continue",
    "truncate the text; alter the mood",
    "What's the difference between 'where' and 'having'?",
    "I can't select 'all' from the drop-down, and it's empty",
    "John said 'no' or 'maybe' and left",
    "Smith, John and O'Connor, 'Big' Jim",
    "5 > 3 or 2 < 1",
    "he's 30 and she's 31",
    "having 2 or 3 = fine",
    "exec summary; execute plan",
    "the file is in /etc on Linux",
    "null and void",
    "undefined is not a function",
    "char 10 or char(13)?",
    "Müller & Söhne GmbH; Co. KG",
];

/// Program text, in JSON as an issue tracker would get it.
const CODE: &[&str] = &[
    "for (let i = 0; i < 10; i++) { console.log(i); }",
    "fn main() { println!(\"hello\"); }",
    "if (a && b || !c) { return d ? e : f; }",
    "def f(x):\n    return x * 2\n\nprint(f(21))",
    "class A:\n    def __init__(self):\n        self.x = 1",
    "import { a } from '../../lib/a';",
    "const s = `${a} and ${b}`;",
    "await sleep(100);",
    "time.sleep(5)",
    "git commit -m 'fix' && git push",
    "docker run --rm -it alpine",
    "```sh\ncargo test\n```",
    "SELECT name FROM users",
    "Error: cannot read property 'x' of undefined at foo (bar.js:10:5)",
    "<div class=\"a\"><p>Hello</p></div>",
    "<b>bold</b> and <i>italic</i>",
    "<a href=\"https://example.com\">link</a>",
    "body { color: red; background: url(a.png); }",
    "a = {'b': 'c', \"d\": [1, 2]}",
    "x = y if y else z  # comment",
    "Traceback (most recent call last):\n  File \"x.py\", line 1",
    "^[a-z]+\\d{2,3}$",
    "{\"query\": \"{ user(id: 1) { name posts { title } } }\"}",
    "query { user(id: 1) { name } }",
    "let v: Vec<String> = Vec::new();",
    "#include <stdio.h>\nint main(void) { return 0; }",
    "var x = document.getElementById('x');",
    "obj?.a ?? b",
    "SET x = 1; -- comment",
    "[link](https://example.com/a_(b)) ![img](x.png \"t\")",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "x^2 + y^2 = z^2; \\frac{1}{2}",
    "2026-11-21 12:00:00 ERROR [main] c.e.App - it failed: 'x' or 'y'",
];

const QUERIES: &[&str] = &[
    "sort=-created,name&filter[status]=open&filter[owner]=me&page[size]=20",
    "fields=id,name,created_at&include=author.posts",
    "q=caf%C3%A9+au+lait&lang=fr",
    "redirect_uri=https%3A%2F%2Fapp.example.com%2Fcallback&state=Zm9v&scope=openid+profile",
    "utm_source=news&utm_campaign=spring-sale&gclid=EAIaIQobChMI",
    "from=2026-01-01&to=2026-12-31&group_by=month&order_by=total",
    "bbox=13.1,52.3,13.7,52.6&zoom=12",
    "ids[]=1&ids[]=2&ids[]=3",
    "where=name%20eq%20%27Smith%27",
    "$filter=price%20gt%2010&$orderby=name&$top=5&$select=id,name",
    "expr=a%3E5%26b%3C3",
    "return=/orders/5?tab=items",
    "path=/docs/guide/index.html",
    "callback=jQuery123_456&_=1700000000",
    "color=%23ff0000",
    "time=12:30&tz=Europe/Berlin",
    "email=o%27brien%40example.com",
    "name=D%27Angelo&city=L%27Aquila",
    "version=%5E1.2.3",
    "select=id&limit=10&offset=20",
];
