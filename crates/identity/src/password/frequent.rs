//! Passwords that are tried first: words that everybody uses, rows of keys, dates and repetitions, however they are put
//! together, written or decorated.
//!
//! Attackers make their lists by rules from few words, so the rules are turned around here: a password is taken apart
//! into such parts, and where three of them, or fewer, make up all of it, it is common.

/// The most common parts that a common password has.
const FEW: u8 = 3;
const NOT_AT_ALL: u8 = u8::MAX;

/// Words of the lists of passwords that were found in the open, names and seasons included, four letters and more.
const WORDS: &str = "\
abcd aaron abby access account action adam admin administrator adobe adrian airborne alex alexander alexandra alexis \
alice allison alpha amanda amber america american andre andrea andrew angel angela angels animal anna anthony apollo \
apple april arsenal arthur asdf ashley asshole august austin autumn awesome azerty baby babygirl backup badboy bailey \
banana bandit barbara barney baseball basketball batman beach bear beautiful beauty beaver bella benjamin berlin \
best bigdog birthday bitch black blessed blink blizzard blue bond boomer booboo boston brandon brandy brian brooklyn \
brother bubba bubbles buddy bulldog business buster butter butterfly camaro cameron canada captain carlos carmen \
carolina caroline casper cassie champion change changeme changeit charles charlie chelsea cheese cherry chester \
chicago chicken chicken chocolate chris christ christian christina christine christopher church cisco claire claudia \
clear cocacola code coffee college company computer cookie cool corvette courtney cowboy cowboys coyote crystal \
cupcake daddy dallas daniel danielle dark darling database david death debug december default dell demo denver \
design destiny detroit devil diablo diamond diego digital doctor dolphin dolphins donald donkey dragon dream dreams \
eagle eagles easy edward einstein elephant elizabeth emily eminem emma england enter eric everton example face \
facebook faith falcon family fantasy father february felix fender ferrari finance fire fireball fish fisher fishing \
flower flowers football ford forever france francis frank frankie freak free freedom friday friend friends fuck \
fucker fuckoff fuckyou gabriel galaxy game gamer games gandalf garden gateway general genesis george german germany \
ghost giants ginger girl girls gold golden golf golfer good google gordon grace green guest guitar gunner hacker \
hammer hannah happy hardcore harley harry hawaii heart heather heaven hello help helpme hockey holiday home honda \
honey hope horse horses hotdog house houston hummer hunter iceman iloveu iloveyou imissyou india inter internet \
invite iphone ireland isabella jack jackson jaguar jake james january jasmine jason jeffrey jennifer jeremy jessica \
jessie jesus jesuschrist john johnny johnson jonathan jordan jordan joseph joshua july june junior justice justin \
karen katie killer king kings kitten kitty knight kristen lakers lauren leather legend letmein letme liberty life \
light linda linux lion little liverpool login logitech london louis love lovelove lovely lover loveme loveyou lucky \
madison maggie magic manager manchester march maria marina mario mark marlboro martin marvin master matrix matthew \
maverick maxwell mazda mercedes merlin metal metallica mexico michael michelle mickey midnight mike miller mine \
minecraft mobile monday money monica monkey monster moon morgan mother mountain movie murphy music mustang myspace \
naruto nascar natasha nathan network newyork newpass nicholas nicole nikita ninja nintendo nirvana nissan nokia \
nothing november october office oliver olivia online opensesame operator oracle orange orlando packers paladin \
panda pantera panther paris parker pass passcode passion passphrase passw passwd password passwort patricia patrick \
peace peaches peanut pepper people phantom phoenix phone player playboy please pokemon police poohbear popcorn \
porsche power precious prince princess private product production project purple pussy qazwsx qwer qwert qwerty \
qwertz rabbit rachel racing raiders rainbow ranger rangers raven rebecca redsox registration remember reset richard \
robert rock rocket rocky roger root rosebud runner russia sabrina safety sailor samantha samsung samuel sandra \
saturday saturn scooby scooter scorpio scott search secret secrets secure security september server sesame sexy \
shadow shannon shelby shopping silver simple simpson skate skippy slayer smile smokey snoopy snowball soccer sophia \
sophie spider spiderman spring stalker star stars starwars steelers stella stephanie steven storm student summer \
sunday sunflower sunny sunshine super superman superstar support surfer sweet sweetheart sweetie sweets swimming \
sydney system taylor teacher team tech temp temporary tennis test tester testing thank this thomas thomas thunder \
thursday thx tiger tigers tigger time tinkerbell titanic today toor topgun toyota training travis trinity trouble \
truelove trust trustno tuesday turtle tweety twitter unicorn universe unlock user username valentine vanessa vegas \
victor victoria victory viking vincent viper volleyball walter warcraft warrior water webmaster wednesday welcome \
whatever white wildcat william willow wilson windows winner winston winter wizard wolf wolverine women wonder work \
world worship wrestling xavier yamaha yankee yankees yellow young your zaq zxcv";

/// Rows that fingers run along, forwards and backwards.
const ROWS: [&str; 14] = [
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "qwertzuiop",
    "azertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "yxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol",
    "qazwsxedcrfvtgbyhnujmikolp",
    "1q2w3e4r5t6z7u8i9o0p",
    "1q2w3e4r5t6y7u8i9o0p",
    "a1b2c3d4e5f6g7h8i9j0",
    "!@#$%^&*()",
];

pub(super) fn is_frequent(password: &str) -> bool {
    let folded: Vec<char> = password.chars().flat_map(char::to_lowercase).collect();
    if has_period(&folded) {
        return true;
    }
    let plain: Vec<char> = folded.iter().map(|c| unleet(*c)).collect();
    parts(&folded, &plain) <= FEW
}

/// Whether a name makes up so much of it that little is left to guess.
pub(super) fn is_about(password: &str, name: &str) -> bool {
    let name = name.to_lowercase();
    if name.chars().count() < 4 {
        return false;
    }
    let folded = password.to_lowercase();
    let plain: String = folded.chars().map(unleet).collect();
    [folded, plain].iter().any(|text| text.contains(&name) && text.replace(&name, "").chars().count() < 8)
}

/// The same few characters again and again.
fn has_period(text: &[char]) -> bool {
    (1..=text.len() / 2).any(|period| text.iter().zip(&text[period..]).all(|(a, b)| a == b))
}

const fn unleet(c: char) -> char {
    match c {
        '0' => 'o',
        '1' | '!' | '|' => 'i',
        '3' | '€' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' | '+' => 't',
        '8' => 'b',
        '9' => 'g',
        other => other,
    }
}

/// The fewest common parts that make up the whole text.
fn parts(folded: &[char], plain: &[char]) -> u8 {
    let mut fewest = vec![NOT_AT_ALL; folded.len() + 1];
    fewest[0] = 0;
    for at in 0..folded.len() {
        let so_far = fewest[at];
        if so_far >= FEW {
            continue;
        }
        let mut reach = |length: usize| {
            let end = (at + length).min(folded.len());
            fewest[end] = fewest[end].min(so_far + 1);
        };
        for word in WORDS.split_ascii_whitespace() {
            if starts(&folded[at..], word) || starts(&plain[at..], word) {
                reach(word.len());
            }
        }
        (3..=run(&folded[at..])).for_each(&mut reach);
        // a year, a date, a sign at the end
        let decoration = folded[at..].iter().take_while(|c| c.is_ascii() && !c.is_alphabetic()).count();
        (1..=decoration.min(8)).for_each(&mut reach);
    }
    fewest[folded.len()]
}

fn starts(text: &[char], word: &str) -> bool {
    text.len() >= word.len() && word.chars().zip(text).all(|(a, b)| a == *b)
}

/// How far the text runs along a row of keys, or repeats one.
fn run(text: &[char]) -> usize {
    let same = text.iter().take_while(|c| Some(*c) == text.first()).count();
    let along = ROWS.iter().flat_map(|row| {
        let backwards: Vec<char> = row.chars().rev().collect();
        let forwards: Vec<char> = row.chars().collect();
        [forwards, backwards]
    });
    let along = along.map(|row| {
        let starts = row.iter().enumerate().filter(|(_, c)| Some(*c) == text.first());
        starts
            .map(|(at, _)| row[at..].iter().zip(text).take_while(|(a, b)| a == b).count())
            .max()
            .unwrap_or(0)
    });
    along.max().unwrap_or(0).max(same)
}
