package secretredaction // import "shieldwatch.dev/collector/processors/secretredaction"

import (
	"strings"
	"unicode/utf8"
)

// Finds personal data in text: e-mail addresses, and login names in the paths of home folders.
// schemas/redaction-personal.ts has the same in TypeScript; both are held to redaction-personal.vectors.json.

const (
	// The kinds of personal data; rules of these names read it.
	emailKind = "email"
	loginKind = "login"

	// Of a local part, of a domain, of a login name; in characters.
	longestLocal       = 256
	longestQuotedLocal = 64
	longestDomain      = 253
	longestLogin       = 64
	// Bytes of an escape that may stand at the begin of a local part: `u003c`.
	longestLocalEscape = 12
	// How far the path behind `user@host:` is looked through, and the authority of a URL for another @.
	longestRemote = 200
	// From here on scripts have no blanks between words, so one may stand right before an address.
	firstCJK = 0x2e80
)

// personalTaker is called with the range [start, end) of personal data, and its kind: an address or a login name.
type personalTaker func(start, end int, value string)

// isWide tells whether c is a letter or digit beyond ASCII, by blocks of Unicode, which do not change: no punctuation,
// symbols or emoji.
func isWide(c rune) bool {
	switch {
	case c < 0xaa:
		return false
	case c == 0xaa, c == 0xb5, c == 0xba, c >= 0xc0 && c < 0x2000 && c != 0xd7 && c != 0xf7, c >= 0x2c00 && c < 0x2e00,
		c >= 0x3040 && c < 0xd800, c >= 0xf900 && c < 0xfe00, c >= 0xfe70 && c < 0xfeff, c >= 0xff10 && c < 0xff1a,
		c >= 0xff21 && c < 0xff3b, c >= 0xff41 && c < 0xff5b, c >= 0xff66 && c < 0xffdd, c == utf8.RuneError,
		c >= 0x10000 && c < 0x1f000, c >= 0x20000 && c < 0x40000:
		return true
	}
	return false
}

func isAlphanumericRune(c rune) bool { return c < utf8.RuneSelf && isAlphanumeric(byte(c)) }

// readAddress reads the address around the @ at i. Of the remote of a repository (`ssh://alice@host/x`, `alice@host:x/y`)
// the user and the @ are taken. No address: `git@host`, a package with its version (`@scope/name@1.2.3`), a file, a unit,
// what has no dot.
func (r *readers) readAddress(text string, i int, take personalTaker) {
	start := localStart(text, i)
	if start >= i || r.serviceUsers[strings.ToLower(text[start:i])] {
		return
	}
	end := r.domainEnd(text, i+1)
	if end < 0 {
		return
	}
	to := end
	if isRemote(text, start, end) {
		to = i + 1
	}
	take(start, to, text[start:end])
}

// localStart returns where the local part that ends at i begins; i where there is none.
func localStart(text string, i int) int {
	if at(text, i-1) == '"' {
		return quotedStart(text, i-1)
	}
	start := i
	last, _ := utf8.DecodeLastRuneInString(text[:i])
	isCJK := last >= firstCJK
	for count := 0; start > 0 && count < longestLocal; count++ {
		c, size := utf8.DecodeLastRuneInString(text[:start])
		isPart := isAlphanumericRune(c) || c == '.' || c == '_' || c == '+' || c == '-' ||
			// An apostrophe within a word: o'brien.
			c == '\'' && start < i && isAlphanumeric(text[start]) && isAlphanumeric(at(text, start-2)) ||
			isWide(c) && (isCJK || c < firstCJK || c == utf8.RuneError)
		if !isPart {
			break
		}
		start -= size
	}
	// What ends an escape belongs to that: `\nalice@`, `%3Calice@`, a colour of a terminal.
	first := i
	if beginsEscape(at(text, start-1)) {
		first = start + 1
	}
	for j := first; j < i && j <= start+longestLocalEscape; j++ {
		if isAlphanumeric(text[j-1]) && hasBoundary(text, j) && (at(text, j-2) != backslash || strings.IndexByte("nrt", text[j-1]) >= 0) {
			start = j
		}
	}
	for start < i {
		c, size := utf8.DecodeRuneInString(text[start:])
		if isAlphanumericRune(c) || c == '_' || c >= utf8.RuneSelf && c != utf8.RuneError {
			break
		}
		start += size
	}
	return start
}

// beginsEscape tells of what stands before letters and digits of an escape.
func beginsEscape(c byte) bool {
	return c == backslash || c == '%' || c == '[' || c == ';' || c == ':' || c == '?'
}

// quotedStart returns where `"a local part"` begins, whose closing quote is at i; the place behind that where there is none.
func quotedStart(text string, quote int) int {
	end := quote
	for at(text, end-1) == backslash {
		end--
	}
	i := end
	for count := 0; i > 0 && count < longestQuotedLocal; count++ {
		c, size := utf8.DecodeLastRuneInString(text[:i])
		if c == '"' && i < end {
			start := i - 1
			for depth := quote - end; depth > 0 && at(text, start-1) == backslash; depth-- {
				start--
			}
			return start
		}
		if c < ' ' || strings.ContainsRune("\"@:<>[]", c) {
			break
		}
		i -= size
	}
	return quote + 1
}

// domainEnd returns where the domain that begins at from ends, or -1: two labels at least, the last one of letters.
func (r *readers) domainEnd(text string, from int) int {
	if at(text, from) == '[' {
		return literalEnd(text, from)
	}
	best, label := -1, from
	for labels, count := 0, 0; count < longestDomain; labels++ {
		end := label
		for ; end < len(text) && count < longestDomain; count++ {
			c, size := utf8.DecodeRuneInString(text[end:])
			if !isAlphanumericRune(c) && c != '-' && !isWide(c) {
				break
			}
			end += size
		}
		if end == label || labels == 0 && isVersion(text, label, end) {
			break
		}
		if labels > 0 {
			if cut := r.topLevelEnd(text, label, end); cut >= 0 {
				best = cut
			}
		}
		if at(text, end) != '.' {
			break
		}
		count++
		label = end + 1
	}
	return best
}

// isVersion tells of the first label whether it begins a version or a scaled picture: `1.2.3-rc.one`, `v0.3.beta1`, `2x.png`.
func isVersion(text string, start, end int) bool {
	i := start
	if at(text, i) == 'v' {
		i++
	}
	digits := i
	for i < end && isDigit(text[i]) {
		i++
	}
	if i == digits {
		return false
	}
	if i == end {
		return at(text, end) == '.' && isDigit(at(text, end+1))
	}
	return i == end-1 && text[i] == 'x'
}

// topLevelEnd returns where the last label of a domain, at [start, end) or its begin, ends, or -1 if it is none.
func (r *readers) topLevelEnd(text string, start, end int) int {
	if isWordAt(text, start, "xn--") {
		if end > start+4 {
			return end
		}
		return -1
	}
	i := start
	if text[i] < utf8.RuneSelf {
		for i < end && isLetter(text[i]) {
			i++
		}
		if i-start < 2 || r.fileEnds[strings.ToLower(text[start:i])] {
			return -1
		}
		return i
	}
	for i < end && text[i] >= utf8.RuneSelf {
		i++
	}
	return i
}

// literalEnd returns the place behind `[192.0.2.1]` or `[IPv6:2001:db8::1]`, or -1.
func literalEnd(text string, open int) int {
	i := open + 1
	if isWordAt(text, i, "ipv6:") {
		i += 5
	}
	signs := 0
	for ; i < open+64; i++ {
		if c := at(text, i); c == '.' || c == ':' {
			signs++
		} else if !isHexDigit(c) {
			break
		}
	}
	if at(text, i) == ']' && signs > 1 {
		return i + 1
	}
	return -1
}

// isRemote tells whether `user@host` at [start, end) begins a URL's authority, or a path on another machine.
func isRemote(text string, start, end int) bool {
	if at(text, start-1) == '/' && at(text, start-2) == '/' {
		// The user may be an address itself: what ends the authority's user is its last @.
		for i := end; i < len(text) && i < end+longestRemote; i++ {
			c := text[i]
			if c == '@' {
				return false
			}
			if c <= ' ' || c == '/' || c == '?' || c == '#' || isQuote(c) {
				break
			}
		}
		return true
	}
	if at(text, end) != ':' {
		return false
	}
	for i := end + 1; i < len(text) && i < end+longestRemote; i++ {
		c := text[i]
		if c == '/' {
			return i > end+1 || isNameByte(at(text, i+1))
		}
		if !isNameByte(c) && c != '.' && c != '~' {
			return false
		}
		if hasPrefixAt(text, i, ".git") && !isNameByte(at(text, i+4)) {
			return true
		}
	}
	return false
}

// readLogin reads the login name behind the begin of a home folder's path, which is at [start, end).
func (r *readers) readLogin(text string, start, end int, take personalTaker) {
	from := end
	keyword := text[start:end]
	isWindows, isSlug := keyword[0] == backslash, keyword[len(keyword)-1] == '-'
	if isWindows {
		for at(text, from) == backslash {
			from++
		}
	} else if !isSlug && !r.beginsPath(text, start, keyword) {
		return
	}
	to := loginEnd(text, from, isSlug)
	// A person's whole name, which Windows allows, if the path goes on behind it.
	for rest := to; isWindows && at(text, rest) == ' '; {
		next := loginEnd(text, rest+1, false)
		if next == rest+1 {
			break
		}
		if at(text, next) == backslash {
			to = next
		}
		rest = next
	}
	for to > from && text[to-1] == '.' {
		to--
	}
	if to == from || r.sharedLogins[strings.ToLower(text[from:to])] {
		return
	}
	take(from, to, text[from:to])
}

func loginEnd(text string, from int, isSlug bool) int {
	i := from
	for count := 0; i < len(text) && count < longestLogin; count++ {
		c, size := utf8.DecodeRuneInString(text[i:])
		if !isAlphanumericRune(c) && c != '_' && !isWide(c) && (isSlug || c != '-' && c != '.') {
			break
		}
		i += size
	}
	return i
}

// beginsPath tells whether `/home/` or `/Users/` at i begins a path, and is no part of an address such as `/api/users/`.
func (r *readers) beginsPath(text string, i int, keyword string) bool {
	isDrive := at(text, i-1) == ':' && isLetter(at(text, i-2))
	if keyword != "/home/" && keyword != "/Users/" && !isDrive {
		return false
	}
	if hasBoundary(text, i) {
		return i == 0 || text[i-1] != '-' && text[i-1] != '_'
	}
	begin := i
	for begin > 0 && (isNameByte(text[begin-1]) || text[begin-1] == '.') && i-begin < longestRemote {
		begin--
	}
	// Behind a host with its user: `ssh://alice@host/home/alice`.
	if at(text, begin-1) == '@' {
		return true
	}
	begin = i
	for begin > 0 && isAlphanumeric(text[begin-1]) && i-begin < 8 {
		begin--
	}
	return at(text, begin-1) == '/' && (r.homesBelow[text[begin:i]] || i-begin == 1 && isLetter(text[begin]))
}
