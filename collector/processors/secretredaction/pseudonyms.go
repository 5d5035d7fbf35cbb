package secretredaction // import "shieldwatch.dev/collector/processors/secretredaction"

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"sync"
)

// Pseudonyms of persons: `[REDACTED:email:<16 hexadecimal digits>]` and `[REDACTED:login:...]`. The same address has the
// same one everywhere within an organisation, and another one in another. schemas/pseudonyms.ts has the same in TypeScript.

const (
	pseudonymLabel = "shieldwatch/pseudonym/v1"
	// Bytes of a digest that are written.
	pseudonymBytes = 8
	// Characters that the secret has at least.
	shortestPseudonymKey = 32
	// Around a value that names a person.
	blanks = "\t\n\v\f\r "
	// Organisations whose keys are remembered.
	mostOrganisations = 10_000
)

// personal gives what stands in place of an address or a login name; a placeholder in brackets, which is left alone afterwards.
type personal func(kind, value string) string

// masked says only that something was there: where there is no secret, or no organisation.
func masked(kind, _ string) string { return "[REDACTED:" + kind + "]" }

// pseudonyms makes each organisation's key from one secret and its id, so there is nothing to look up.
type pseudonyms struct {
	secret []byte
	mutex  sync.Mutex
	keys   map[string][]byte
}

// readPseudonyms reads the secret from a file; without one everything is masked.
func readPseudonyms(file string) (*pseudonyms, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("pseudonym_key_file: %w", err)
	}
	secret := strings.TrimSpace(string(text))
	if len(secret) < shortestPseudonymKey {
		return nil, fmt.Errorf("pseudonym_key_file: expected %d characters or more", shortestPseudonymKey)
	}
	return &pseudonyms{secret: []byte(secret), keys: map[string][]byte{}}, nil
}

// of returns the pseudonyms of one organisation.
func (p *pseudonyms) of(organisation string) personal {
	if p == nil || organisation == "" {
		return masked
	}
	key := p.key(organisation)
	return func(kind, value string) string {
		canonical := canonicalLogin(value)
		if kind == emailKind {
			canonical = canonicalAddress(value)
		}
		return "[REDACTED:" + kind + ":" + hex.EncodeToString(sign(key, kind+"\x00"+canonical)[:pseudonymBytes]) + "]"
	}
}

func (p *pseudonyms) key(organisation string) []byte {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	key, known := p.keys[organisation]
	if !known {
		if len(p.keys) >= mostOrganisations {
			clear(p.keys)
		}
		key = sign(p.secret, pseudonymLabel+"\x00"+organisation)
		p.keys[organisation] = key
	}
	return key
}

func sign(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// canonicalAddress is one spelling for all of an address that reach the same person: ASCII in lower case, without quotes,
// without what follows a + (RFC 5233), with the domain's letters instead of their encoding.
func canonicalAddress(address string) string {
	i := strings.LastIndexByte(address, '@')
	local := lowerASCII(address[:i])
	local = strings.TrimPrefix(local, strings.Repeat(`\`, countBackslashes(local, 0))+`"`)
	if unquoted, isQuoted := strings.CutSuffix(local, `"`); isQuoted {
		local = strings.TrimRight(unquoted, `\`)
	}
	if plus := strings.IndexByte(local, '+'); plus > 0 {
		local = local[:plus]
	}
	labels := strings.Split(strings.ToLower(address[i+1:]), ".")
	for j, label := range labels {
		if encoded, isEncoded := strings.CutPrefix(label, "xn--"); isEncoded {
			if decoded, ok := decodePunycode(encoded); ok {
				labels[j] = decoded
			}
		}
	}
	return local + "@" + strings.Join(labels, ".")
}

func canonicalLogin(login string) string { return lowerASCII(strings.Trim(login, blanks)) }

func lowerASCII(text string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'A' && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}, text)
}

// decodePunycode reads a label behind its `xn--` (RFC 3492).
func decodePunycode(encoded string) (string, bool) {
	const base, tMin, tMax, skew, damp, initialBias, initialN = 36, 1, 26, 38, 700, 72, 128
	var output []rune
	rest := encoded
	if i := strings.LastIndexByte(encoded, '-'); i >= 0 {
		output = []rune(encoded[:i])
		rest = encoded[i+1:]
	}
	n, i, bias := initialN, 0, initialBias
	for len(rest) > 0 {
		old, weight := i, 1
		for k := base; ; k += base {
			if len(rest) == 0 {
				return "", false
			}
			c := rest[0]
			rest = rest[1:]
			digit := 0
			switch {
			case isDigit(c):
				digit = int(c-'0') + 26
			case isLower(c):
				digit = int(c - 'a')
			default:
				return "", false
			}
			i += digit * weight
			if i > 1<<30 {
				return "", false
			}
			threshold := min(max(k-bias, tMin), tMax)
			if digit < threshold {
				break
			}
			weight *= base - threshold
			if weight > 1<<30 {
				return "", false
			}
		}
		size := len(output) + 1
		delta := (i - old) / 2
		if old == 0 {
			delta = (i - old) / damp
		}
		delta += delta / size
		k := 0
		for ; delta > (base-tMin)*tMax/2; k += base {
			delta /= base - tMin
		}
		bias = k + (base-tMin+1)*delta/(delta+skew)
		n += i / size
		i %= size
		if n > 0x10ffff {
			return "", false
		}
		output = append(output[:i], append([]rune{rune(n)}, output[i:]...)...)
		i++
	}
	return string(output), true
}
