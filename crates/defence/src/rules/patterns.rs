use crate::Category::{self, Command, Header, Scanner, Sqli, Ssrf, Template, Traversal, Xml, Xss};

/// A pattern over lower-case text with single blanks. Two weights: where people write (fields of forms and JSON), and
/// where they do not (paths, queries, cookies, headers, file names). 0 is: not there.
pub(super) struct Pattern {
    pub(super) name: &'static str,
    pub(super) category: Category,
    pub(super) prose: u32,
    pub(super) strict: u32,
    pub(super) regex: &'static str,
}

const fn rule(
    name: &'static str,
    category: Category,
    (prose, strict): (u32, u32),
    regex: &'static str,
) -> Pattern {
    Pattern { name, category, prose, strict, regex }
}

/// Looked for in every value.
pub(super) const TEXT: &[Pattern] = &[
    // --- SQL
    rule(
        "sqli-union",
        Sqli,
        (5, 5),
        r"\bunion\b[ (]+(?:(?:all|distinct)\b[ (]*)?select\b[ (]*(?:[\d'@*`-]|null\b|char\(|concat|\w+ ?(?:,|\bfrom\b|\())",
    ),
    rule(
        "sqli-stacked",
        Sqli,
        (5, 5),
        r";[ \n]*(?:drop (?:table|database|schema|user|view)\b|delete from \w|insert into \w|update \w+ set \w|alter (?:table|user|login)\b|truncate table\b|create (?:table|user|login|function)\b|exec(?:ute)?[ (]+(?:xp_|sp_|master|immediate|@)|shutdown\b|declare @|waitfor delay|grant \w+ on|copy \w+ (?:from|to) )",
    ),
    rule(
        "sqli-tautology",
        Sqli,
        (5, 5),
        r#"['"`)] ?(?:\b(?:or|and|xor|having)\b|\|\||&&) ?(?:not )?[ ('"`]*(?:\d+|'[^']*'|"[^"]*"|\w+['"`])['"`)]* ?(?:=|<>|<|>|!=|\blike\b|\brlike\b|\bin ?\(|\bbetween\b|\bis (?:not )?null\b)"#,
    ),
    rule(
        "sqli-number",
        Sqli,
        (5, 5),
        r#"^[ (]*-?\d+[ )]*(?:\b(?:or|and|xor|having)\b|\|\||&&) ?(?:not )?[ ('"`]*(?:\d+|'[^']*'|"[^"]*"|\w+['"`])['"`)]* ?(?:=|<>|<|>|!=|\blike\b|\brlike\b|\bin ?\(|\bbetween\b|\bis (?:not )?null\b)"#,
    ),
    rule("sqli-truth", Sqli, (5, 5), r#"['"`)] ?(?:or|and|\|\||&&) ?(?:true|false|\d+)[ '"`)]*(?:--|#|;|$)"#),
    rule(
        "sqli-time",
        Sqli,
        (5, 5),
        r#"\b(?:pg_sleep|benchmark|dbms_pipe\.receive_message|dbms_lock\.sleep|randomblob) ?\(|\bwaitfor delay ?['"]|(?:\b(?:and|or|select|if|when|then|case)\b|[',|(]) ?\(?(?:select )?sleep ?\( ?\d"#,
    ),
    rule(
        "sqli-function",
        Sqli,
        (5, 5),
        r"\b(?:load_file|extractvalue|updatexml|xp_cmdshell|xp_dirtree|utl_http\.request|utl_inaddr\.\w+|ctxsys\.drithsx|sys_eval|lo_import|dbms_ldap) ?\(|\binto (?:out|dump)file\b|@@(?:version|datadir|hostname)\b",
    ),
    rule(
        "sqli-catalogue",
        Sqli,
        (3, 5),
        r"\b(?:information_schema|pg_catalog|sysobjects|syscolumns|sqlite_master|all_tables|user_tables|mysql\.user|pg_shadow|v\$version)\b",
    ),
    rule(
        "sqli-position",
        Sqli,
        (5, 5),
        r#"['")] ?(?:order|group) by \d+|['")] ?limit \d+ ?(?:,|--|#|offset)|\bprocedure analyse ?\("#,
    ),
    rule(
        "sqli-subquery",
        Sqli,
        (4, 5),
        r"\( ?select [^()]+ from \w|\( ?select (?:count|version|user|database|current_user|char|ascii|substr\w*|concat|group_concat|group_concat|distinct) ?[(*@]|\bexists ?\( ?select\b|\band ?\(?(?:ascii|substr|substring|length|ord|mid|hex) ?\(",
    ),
    rule(
        "sqli-case",
        Sqli,
        (4, 5),
        r"\b(?:case when|when) [^ ]+ ?(?:=|<|>) ?[^ ]+ then\b|\bif ?\([^,]+=[^,]+,[^,]+,[^)]+\)",
    ),
    rule(
        "sqli-statement",
        Sqli,
        (2, 4),
        r"^ ?(?:select [\w*@.,() ]+ from \w|insert into \w+ ?[(v]|delete from \w+( where|$)|drop table \w|update \w+ set \w+ ?=|alter table \w)",
    ),
    rule("sqli-tail", Sqli, (5, 5), r"^[^ ]*'[) ;]*(?:--|#)[ +-]*\w{0,8}$"),
    rule(
        "sqli-continued",
        Sqli,
        (5, 5),
        r#"^[ )]*(?:or|and|xor) \(?\d+ ?(?:=|<|>) ?\d+|['")] ?union (?:all )?select\b|['"] ?or ?(?:\(exists|select\b)"#,
    ),
    rule("ldap-filter", Template, (4, 5), r"\*\)?[|&(]+\w+=\*?\)|\)\([|&]\(?\w+="),
    rule(
        "sqli-column",
        Sqli,
        (5, 5),
        r#"['"`)] ?(?:or|and|\|\||&&) \(?\w+\)? ?(?:(?:not )?like|rlike|regexp|=|<>|!=|(?:not )?in) ?\(?['"]"#,
    ),
    rule("sqli-return", Sqli, (5, 5), r#"['"] ?; ?return (?:true|this|1)\b"#),
    rule(
        "sqli-hex",
        Sqli,
        (3, 4),
        r"\b(?:char|chr|unhex|nchar) ?\( ?\d+ ?(?:\)|,)[^a-z]{0,10}(?:\+|\|\||,|char|chr)|\b0x[0-9a-f]{16,}\b.*\b(?:from|select|union)\b",
    ),
    rule(
        "sqli-operator",
        Sqli,
        (0, 5),
        r"^\$(?:where|ne|gt|gte|lt|lte|regex|exists|nin|in|or|and|not|expr|function|eq)$|\[\$(?:where|ne|gt|gte|lt|lte|regex|exists|nin|in|or|not|eq)\]",
    ),
    rule(
        "sqli-script",
        Sqli,
        (4, 5),
        r#"(?:'|"|;) ?(?:\|\|| ?return ).*(?:this\.\w+|==|true)|\bthis\.\w+ ?(?:==|!=)|"?\$where"? ?:|"\$(?:ne|gt|regex)" ?:"#,
    ),
    // --- script
    rule(
        "xss-tag",
        Xss,
        (5, 5),
        r"< ?/? ?(?:script|iframe|frameset|applet|embed|object|isindex|xss|noscript|portal)\b",
    ),
    rule("xss-handler", Xss, (5, 5), r#"<[a-z!/?][^>]*[ /"'\n]on[a-z]{3,} ?="#),
    rule(
        "xss-breakout",
        Xss,
        (5, 5),
        r#"["'`][ />\n]*on(?:error|load|click|focus|blur|mouse\w{2,6}|key\w{2,5}|toggle|begin|end|animation\w+|transition\w+|pointer\w+|wheel|submit|change|input|auxclick|copy|cut|paste|scroll\w*|resize|hashchange|message) ?= ?[^ ]"#,
    ),
    rule(
        "xss-scheme",
        Xss,
        (5, 5),
        r"(?:^|[^a-z])(?:j[\n\r ]*a[\n\r ]*v[\n\r ]*a[\n\r ]*|vb|live)s[\n\r ]*c[\n\r ]*r[\n\r ]*i[\n\r ]*p[\n\r ]*t[\n\r ]*:[^ \n\r]|\bdata:(?:text/html|image/svg\+xml|text/xml|application/xhtml)",
    ),
    rule(
        "xss-attribute",
        Xss,
        (5, 5),
        r#"<[a-z][^>]*(?:\bsrcdoc ?=|\bformaction ?=|\bxlink:href ?=|\bstyle ?= ?["'][^"'>]*(?:expression|behavior|-moz-binding|javascript|url ?\( ?['"]?(?:java|data)))|<(?:base|meta|link|svg|math|animate|set|form|details|marquee|video|audio|style)\b[^>]*(?:javascript:|data:|http-equiv|href ?= ?["']?//|attributename)|<style[ >][^<]*@import"#,
    ),
    rule(
        "xss-dom",
        Xss,
        (3, 5),
        r#"\bdocument ?\.(?:cookie|domain|write(?:ln)?|location|body)|\bdocument ?\[|\b(?:window|self|top|parent|globalthis|frames) ?\[ ?['"`]|\bstring\.fromcharcode ?\(|\b(?:window|top|self|parent)\.(?:location|name|open|alert|eval)\b"#,
    ),
    rule(
        "xss-call",
        Xss,
        (3, 5),
        r#"(?:^|[;=('"`>{} :/!~+*-])(?:alert|confirm|prompt|eval|settimeout|setinterval|print|import|atob) ?(?:\(|`|\?\.\()[^)]*[)`]|\[['"`](?:alert|eval|constructor)['"`]\]|\(alert\)|=alert[`;]|\bthrow onerror|onerror=alert"#,
    ),
    rule("xss-jsfuck", Xss, (5, 5), r"(?:[\[\]!+(){}]{3,}){6,}"),
    // --- files
    rule(
        "traversal-climb",
        Traversal,
        (4, 5),
        r"(?:(?:^|[/\\=:;, ])\.\.;?[/\\]+){2,}|(?:\.\.;?[/\\]+){3,}|(?:\.{2,4}[/\\]{2,}){2,}",
    ),
    rule("traversal-deep", Traversal, (5, 5), r"(?:\.\.;?[/\\]+){4,}"),
    rule("traversal-step", Traversal, (0, 4), r"(?:^|[/\\])\.\.;?(?:[/\\]|$)"),
    rule("traversal-matrix", Traversal, (0, 5), r"(?:^|/)\.{1,2};[^/]*/|/\.\.(?:%|\x00)"),
    rule(
        "traversal-file",
        Traversal,
        (4, 5),
        r"(?:/|\\)etc(?:/|\\)+(?:\.{0,2}(?:/|\\)+)*(?:passwd|shadow|group|gshadow|sudoers|crontab|fstab|issue|ssh/|mysql/|nginx/|apache2/|httpd/)\b|/proc/(?:self|version|cmdline|\d+)/?|\b[a-z]:[/\\]+(?:windows|winnt|boot\.ini|inetpub|users[/\\]+administrator)|\b(?:win|boot|system)\.ini\b|/var/log/(?:apache2?|nginx|httpd|auth|syslog|mail)|/(?:home/\w+|root)/\.(?:ssh|bash|aws|kube)|\.ssh/(?:id_|authorized)|\.aws/credentials|\bweb-inf[/\\]|\bmeta-inf/manifest|\.ht(?:access|passwd)\b|/dev/(?:fd|stdin|u?random|zero)\b",
    ),
    rule(
        "traversal-passwd",
        Traversal,
        (5, 5),
        r"^[^ \n]*(?:/etc/+(?:\./)*(?:passwd|shadow|gshadow)(?:\W|$)|/proc/(?:self|\d+)/|web-inf[/\\]|\.ssh/id_|\.aws/credentials|/var/log/(?:apache|nginx|auth|syslog)|\bc:[/\\]+windows[/\\]|\.\.[/\\]+(?:[^ ]*[/\\])?(?:boot|win|system)\.ini|\.\.;[/\\])",
    ),
    rule(
        "traversal-wrapper",
        Traversal,
        (5, 5),
        r"\b(?:php|phar|zip|expect|glob|ogg|compress\.\w+)://|\bfile:/{2,3}(?:[a-z]:|etc|proc|var|home|root|/|localhost)|\bnetdoc:|\bjar:(?:http|file)",
    ),
    // --- lines in headers
    rule(
        "header-split",
        Header,
        (0, 5),
        r"[\r\n]+ ?(?:set-cookie2?|location|content-(?:type|length|security-policy|disposition)|transfer-encoding|host|refresh|x-[a-z-]{2,}|access-control-[a-z-]+|link|http/\d) ?(?::|\.\d)",
    ),
    rule("header-line", Header, (0, 5), r"\r\n\r\n|\r\n ?<|\r\n?[a-z-]{2,}:|[\r\n]http/[\d.]+ \d{3}"),
    rule(
        "header-mail",
        Header,
        (3, 5),
        r"[\r\n]+ ?(?:bcc|cc|to|from|reply-to|subject|mime-version) ?: ?[^ \r\n]+@|[\r\n]+(?:bcc|mime-version) ?:",
    ),
    rule("header-separator", Header, (0, 5), r"(?:%e5%98%8a|\xe5\x98\x8a|\xe5\x98\x8d)[^a-z]*[a-z-]{2,}:"),
    // --- tools
    rule(
        "scanner-callback",
        Scanner,
        (5, 5),
        r"\b(?:[a-z0-9-]+\.)?(?:burpcollaborator\.net|oastify\.com|interact\.sh|interactsh\.com|oast\.(?:pro|live|site|online|fun|me)|bxss\.me|r87\.me|dnslog\.cn|ceye\.io|requestbin\.net|pipedream\.net|canarytokens\.com|xss\.ht|xss\.report|ezxss\.com)\b",
    ),
    rule(
        "scanner-mark",
        Scanner,
        (5, 5),
        r"\b(?:acunetix|appscan_|netsparker|nessus_?\w*test|openvasvt|w3af|arachni_|sqlmap|wfuzz|nuclei-\w+|\$acunetix|testing-canary|fuzz_?test_payload)\b",
    ),
    // --- templates, look-ups, objects
    rule(
        "template-jndi",
        Template,
        (5, 5),
        r"\$\{ ?jndi ?:|\$\{ ?(?:::-|:-|lower:|upper:|env:|sys:|java:|date:|main:|bundle:|ctx:|k8s:|docker:|spring:|base64:|[a-z]{0,10}:{1,2}-)|%\{jndi:|\bjndi:(?:ldaps?|rmi|dns|iiop|nis|nds|corba|http):",
    ),
    rule(
        "template-arithmetic",
        Template,
        (5, 5),
        r#"(?:\{\{|\$\{|#\{|@\{|\*\{|<%=?|\[\[|\{%|%\{|~\{|@\(|\{php\}) ?['"(]?\d+['"]? ?[*+x] ?['"]?\d+['")]? ?(?:\}|%>|\]|\))"#,
    ),
    rule(
        "template-object",
        Template,
        (5, 5),
        r#"\{\{[^}]*(?:config\b|self\b|__\w+__|constructor|_self|lipsum|cycler|joiner|request\.|settings\.|\.env\b|['"]\[?\|attr|\|attr ?\(|popen|getclass|process\.|\$on\.|range\.|os\.)|\{%[^%]*(?:import|include|debug|for \w+ in (?:\[\]|\(\)|''))|\b__(?:mro|subclasses|globals|builtins|base|bases|getattribute)__"#,
    ),
    rule(
        "template-java",
        Template,
        (5, 5),
        r#"\bt ?\( ?java\.|\bjava\.lang\.(?:runtime|processbuilder|class|system)|\bgetruntime ?\(|\.getclass ?\( ?\)|\bclass\.forname\b|\bfreemarker\.template|\?new ?\( ?\)|#set ?\( ?\$|%\{ ?\(?#|\bognl|@java\.|#_memberaccess|\bmemberaccess\b|\bclass\.module\.classloader|\$\{ ?(?:t\(|@|#|''|pagecontext|applicationscope|sessionscope|param\.|request\.|self\.|class\.)|#\{ ?(?:request|session|facescontext|system)|<#assign|\$\{product\.getclass"#,
    ),
    rule(
        "template-engine",
        Template,
        (4, 5),
        r#"<%[=-]? ?(?:system|`|%x|io\.|file\.|require|global|process|exec|runtime|response|request|eval|out\.)|#\{ ?(?:%x|`|system|global|process|root|7)|\{\{ ?['"`]?(?:\w+)?['"`]?\.(?:constructor|replace|sub|split)|\[#assign|\{\$smarty|\{php\}|\{literal\}|\{system\("#,
    ),
    rule(
        "template-prototype",
        Template,
        (5, 5),
        r#"__proto__|\bconstructor(?:\[|\.|"? ?: ?\{ ?")prototype|\bconstructor ?\. ?constructor\b|^constructor$"#,
    ),
    rule(
        "template-serial",
        Template,
        (5, 5),
        r#"\bro0ab[a-z0-9+/]{4}|\baced0005|\bo:\d+:"[a-z_\\]+":\d+:\{|\ba:\d+:\{(?:i|s):\d+|!!(?:python/|javax|java\.|ruby/|com\.sun)|"@type" ?: ?"(?:com\.|java|org\.)|_\$\$nd_func\$\$_|\bcposix\n|\$type" ?: ?"system\."#,
    ),
    // --- XML
    rule(
        "xml-entity",
        Xml,
        (5, 5),
        r#"<!entity\b|<!doctype [^>\[]*\[|<!doctype [^>]*(?:system|public) ?["'](?:file|http|ftp|php|expect|jar|gopher|/)|<xi:include|<\?xml-stylesheet|<xsl:(?:stylesheet|value-of|copy-of)|<!\[cdata\[ ?<|<!attlist|<!--#(?:exec|include|echo|printenv)"#,
    ),
    // --- addresses within
    rule(
        "ssrf-metadata",
        Ssrf,
        (5, 5),
        r"(?:https?|ftp|gopher|dict)?:?//[^/ ]*(?:169\.254\.169\.254|169\.254\.170\.2|metadata\.google\.internal|100\.100\.100\.200|fd00:ec2::254|instance-data\b|192\.0\.0\.192|2852039166|0xa9fea9fe)|169\.254\.169\.254/|/latest/meta-data|/computemetadata/",
    ),
    rule("ssrf-scheme", Ssrf, (5, 5), r"\b(?:gopher|dict|ldaps?|tftp|sftp|netdoc|rmi|jdbc:\w+)://?[\w\[]"),
    rule(
        "ssrf-loopback",
        Ssrf,
        (0, 4),
        r"=?https?://(?:[^/@ ]*@)?(?:127\.\d{1,3}\.\d{1,3}\.\d{1,3}|localhost|0\.0\.0\.0|\[::1?\]|\[::ffff:|0x7f|2130706433|017700000001|0177\.|127\.1\b|0[:/])",
    ),
];

/// Looked for a second time without quotes and escapes, as a shell would read it.
pub(super) const SHELL: &[Pattern] = &[
    rule(
        "command-chain",
        Command,
        (5, 5),
        concat!(
            r"(?:[;|&\n]|\$\(|<\(|^) ?(?:/?(?:usr/)?s?bin/|[a-z]:[/\\]windows[/\\]system32[/\\])?",
            r"(?:cat|ls|id|whoami|uname|wget|curl|nc|ncat|netcat|bash|dash|zsh|ksh|csh|sh|python[23]?|perl|ruby|php|node|powershell(?:\.exe)?|pwsh|cmd(?:\.exe)?|ping6?|nslookup|dig|sleep|rm|chmod|chown|kill|echo|touch|printenv|ifconfig|ipconfig|ip a|net user|dir|type|tftp|ftp|telnet|base64|xxd|od|awk|gawk|sed|grep|head|tail|tac|nl|sudo|su|tee|xargs|busybox|certutil|bitsadmin|rundll32|regsvr32|mshta|wmic|systeminfo|tasklist|netstat|nmap|socat|mkfifo|crontab|systemctl|docker|kubectl|reboot|shutdown|halt|set|env|ps|w|pwd|hostname|timeout|printf|mail|openssl|scp|ssh|gcc|make|env)",
            r"(?: ?(?:[;|&`)}>]|$)| +(?:-{1,2}[a-z]|/|\$|\.\.?/|~|\d|[\w.-]+/|https?:|[a-z]:|[\w-]+\.[a-z]|\\|%|\*|<|>|root|admin|aux|test|www))"
        ),
    ),
    rule(
        "command-brace",
        Command,
        (5, 5),
        r"\{(?:cat|ls|wget|curl|nc|bash|sh|echo|id|ping|rm|head|tail|base64),[^}]*\}",
    ),
    rule(
        "command-backtick",
        Command,
        (3, 5),
        r"`(?:[a-z]:|/(?:usr/)?s?bin/)?(?:cat|ls|id|whoami|uname|wget|curl|nc|bash|sh|python[23]?|perl|ping|nslookup|sleep|echo|env|hostname|pwd)(?: [^`]*)?`",
    ),
    rule(
        "command-start",
        Command,
        (0, 4),
        r"^ ?(?:cat|wget|curl|nc|ncat|bash|sh|python[23]?|perl|powershell|cmd|rm|chmod|nslookup|ping) +(?:-{1,2}[a-z]+|/etc/|/bin/|/tmp/|https?://|/c )",
    ),
    rule(
        "command-substitution",
        Command,
        (4, 5),
        r"\$\( ?(?:[a-z/]+[ )/-]|<)|\$\(\(|`[a-z/]+ (?:/|-|http)[^`]*`|\$\{?ifs\b|\$\{(?:path|home|pwd|shell|hostname)[:#%}]|\$\{[a-z_]+:\d+:\d+\}",
    ),
    rule(
        "command-shell",
        Command,
        (4, 5),
        r"(?:^|[ =;|&'(])/(?:usr/)?bin/(?:ba|da|z|k|c|tc|a)?sh\b ?(?:-[a-z]|<|$)|/dev/(?:tcp|udp)/|\bbash -i\b|\bnc (?:-[a-z]+ )*-e\b|\bmkfifo /tmp|\b(?:sh|bash|zsh) -c ?\b|\|\ ?(?:ba|z|da)?sh\b ?(?:$|[;|&-])",
    ),
    rule(
        "command-windows",
        Command,
        (5, 5),
        r"\bpowershell(?:\.exe)? +-[a-z]|\b(?:invoke-(?:expression|webrequest|restmethod|command)|iex|start-process|downloadstring|downloadfile|new-object net\.) ?[( ]|\bcmd(?:\.exe)? ?/[ck]\b|\bcertutil(?:\.exe)? -|\bnet (?:user|localgroup) \w+|%(?:systemroot|comspec|windir)%",
    ),
    rule("command-shellshock", Command, (5, 5), r"\( ?\) ?\{ ?(?::|[^}]*);? ?\} ?;"),
    rule(
        "command-code",
        Command,
        (5, 5),
        r#"<\?(?:php\b|=)|\b(?:system|passthru|shell_exec|popen|proc_open|pcntl_exec|assert|eval|exec|preg_replace|create_function|call_user_func) ?\( ?(?:\$_|base64_decode|gzinflate|str_rot13|chr ?\(|hex2bin)|\$_(?:get|post|request|server|cookie|files) ?\[|\b__import__ ?\(|\bos\.(?:system|popen|exec\w+|spawn\w+) ?\(|\bsubprocess\.(?:popen|call|run|check_output) ?\(|\brequire ?\( ?['"]?child_process|\bprocess\.(?:mainmodule|binding|env\.)|\bchild_process\.exec|\bruntime\.exec ?\(|\bphpinfo ?\( ?\)|\b(?:system|passthru|shell_exec|popen|exec) ?\( ?['"]?(?:id|ls|cat|whoami|uname|wget|curl|ping|sleep|nc|sh|bash|dir|/bin)\b|\bdie ?\( ?(?:md5|@md5|print)"#,
    ),
];
