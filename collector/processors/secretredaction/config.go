package secretredaction // import "shieldwatch.dev/collector/processors/secretredaction"

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.opentelemetry.io/collector/component"
)

// Config is what a user writes under `secretredaction`.
type Config struct {
	// Rules is the list of secret patterns, tried in this order where several begin at the same place. It must not
	// be empty: a collector that redacts nothing does not start. Generated from schemas/redaction-rules.ts.
	Rules []Rule `mapstructure:"rules"`

	// Vocabulary holds the words that distinguish a secret from other text beside it. Generated from
	// schemas/redaction-vocabulary.ts.
	Vocabulary Vocabulary `mapstructure:"vocabulary"`

	// AllowedKeys lists the attribute keys that are kept at the top level of resource, scope, span, event, link, log
	// record, data point and exemplar attributes; `name.*` allows every key that begins with `name.`. An empty list
	// fails closed: every attribute is dropped.
	AllowedKeys []string `mapstructure:"allowed_keys"`

	// AdditionalAllowedKeys is added to AllowedKeys: the operator's own keys, so that the generated list stays as it is.
	AdditionalAllowedKeys []string `mapstructure:"additional_allowed_keys"`

	// AllowAllKeys keeps attributes of any key. Keys and values are still searched for secrets. Default false.
	AllowAllKeys bool `mapstructure:"allow_all_keys"`

	// ReservedPrefixes begin keys that only the pipeline itself may set; a client's are removed and not counted.
	ReservedPrefixes []string `mapstructure:"reserved_prefixes"`

	// ContentKeys lists attribute keys that hold what people and models said (prompts, answers, tool arguments and
	// results), written as in AllowedKeys. They are dropped unless the request says otherwise; see KeepContentHeader.
	ContentKeys []string `mapstructure:"content_keys"`

	// ContentEvents lists names of log events whose body is such content.
	ContentEvents []string `mapstructure:"content_events"`

	// KeepContentHeader names the request header (client metadata) that keeps content when its value is `keep`.
	// Empty: content is always dropped. The receiver needs `include_metadata: true`.
	KeepContentHeader string `mapstructure:"keep_content_header"`

	// IdentityKeys lists attribute keys whose whole value names a person, such as `user.email`.
	IdentityKeys []string `mapstructure:"identity_keys"`

	// KeepIdentitiesHeader names the request header that keeps addresses, login names and the values of IdentityKeys as they
	// are when its value is `keep`. Empty: they are always replaced.
	KeepIdentitiesHeader string `mapstructure:"keep_identities_header"`

	// OrganisationHeader names the request header with the organisation whose pseudonyms stand in place of persons. Empty,
	// or a request without it: persons are masked.
	OrganisationHeader string `mapstructure:"organisation_header"`

	// PseudonymKeyFile is the path of the file with the secret that pseudonyms are made from, 32 characters or more. It is read
	// once, at the start. Empty: persons are masked.
	PseudonymKeyFile string `mapstructure:"pseudonym_key_file"`

	// CountPrefix begins the attributes that carry the counts: `<prefix>masked.<kind>`, `<prefix>dropped.attributes`,
	// `<prefix>dropped.content`. It is reserved. Empty: counts are metrics of the collector only.
	CountPrefix string `mapstructure:"count_prefix"`
}

// Rule describes one kind of secret. See schemas/redaction-rules.ts for the meaning of each field.
type Rule struct {
	// Name is the kind, as in the placeholder `[REDACTED:<name>]`.
	Name string `mapstructure:"name"`
	// Keywords are lower-case ASCII; the rule is tried only where one stands.
	Keywords []string `mapstructure:"keywords"`
	// Pattern is a regular expression for the whole secret, or for what stands before what Reads reads. Empty where
	// Reads begins at the keyword.
	Pattern string `mapstructure:"pattern"`
	// Before is the number of bytes of a match before its keyword.
	Before int `mapstructure:"before"`
	// Boundary is empty, `word` (no letter or digit before a match) or `argument` (white space, quote or bracket).
	Boundary string `mapstructure:"boundary"`
	// OncePerRun: a failed attempt is not repeated within the same run of letters, digits, `_` and `-`.
	OncePerRun bool `mapstructure:"once_per_run"`
	// Work is what an attempt at the pattern costs, in units of work, if it reads far before it fails; 0: as any.
	Work int `mapstructure:"work"`
	// Except is a regular expression for what is no secret although Pattern takes it.
	Except string `mapstructure:"except"`
	// Reads names what reads on where Pattern ends, or from the keyword: `block`, `token`, `basic`, `flag`,
	// `jwt` and `vendor` behind a pattern, `assignment`, `authorization`, `cookies`, `url`, `userinfo` and `command` at a
	// keyword, and so `address` and `login`, which read personal data: their rules come last and are named `email` and `login`.
	Reads string `mapstructure:"reads"`
}

// Vocabulary: all words are lower case. See schemas/redaction-vocabulary.ts for the meaning of each list.
type Vocabulary struct {
	Pairs        []string            `mapstructure:"pairs"`
	About        []string            `mapstructure:"about"`
	Glued        []string            `mapstructure:"glued"`
	Holders      []string            `mapstructure:"holders"`
	Literals     []string            `mapstructure:"literals"`
	Prose        []string            `mapstructure:"prose"`
	Sources      []string            `mapstructure:"sources"`
	Getters      []string            `mapstructure:"getters"`
	NoUsers      []string            `mapstructure:"no_users"`
	Commands     map[string][]string `mapstructure:"commands"`
	ServiceUsers []string            `mapstructure:"service_users"`
	SharedLogins []string            `mapstructure:"shared_logins"`
	FileEnds     []string            `mapstructure:"file_ends"`
	HomesBelow   []string            `mapstructure:"homes_below"`
}

var _ component.Config = (*Config)(nil)

var ruleName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// Validate names the invalid key and what was expected.
func (c *Config) Validate() error {
	if len(c.Rules) == 0 {
		return errors.New("rules: must not be empty, or nothing would be redacted")
	}
	var errs []error
	seen := map[string]bool{}
	for i, rule := range c.Rules {
		if err := rule.validate(); err != nil {
			errs = append(errs, fmt.Errorf("rules[%d] (%s): %w", i, rule.Name, err))
		}
		if seen[rule.Name] {
			errs = append(errs, fmt.Errorf("rules[%d]: the name %q is used twice", i, rule.Name))
		}
		seen[rule.Name] = true
	}
	if seen[workLimit] {
		errs = append(errs, fmt.Errorf("rules: the name %q is reserved", workLimit))
	}
	for name, keys := range map[string][]string{
		"allowed_keys": c.AllowedKeys, "additional_allowed_keys": c.AdditionalAllowedKeys, "content_keys": c.ContentKeys,
	} {
		for i, key := range keys {
			if key == "" || strings.Contains(strings.TrimSuffix(key, "*"), "*") {
				errs = append(errs, fmt.Errorf("%s[%d]: %q: expected a key, or a prefix and one * at its end", name, i, key))
			}
		}
	}
	return errors.Join(errs...)
}

func (r *Rule) validate() error {
	if !ruleName.MatchString(r.Name) {
		return errors.New("name: expected lower-case words joined by -")
	}
	if len(r.Keywords) == 0 {
		return errors.New("keywords: must not be empty, or the rule would never be tried")
	}
	for _, keyword := range r.Keywords {
		if keyword == "" {
			return errors.New("keywords: expected one character or more")
		}
		for i := 0; i < len(keyword); i++ {
			if c := keyword[i]; c >= 0x80 || c != lower(c) {
				return fmt.Errorf("keywords: %q: expected lower-case ASCII", keyword)
			}
		}
	}
	switch r.Reads {
	case "", readsBlock, readsToken, readsBasic, readsFlag, readsJWT, readsVendor:
		if r.Pattern == "" {
			return errors.New("pattern: must not be empty")
		}
	case readsAssignment, readsAuthorization, readsCookies, readsURL, readsUserinfo, readsCommand, readsAddress, readsLogin:
		if r.Pattern != "" {
			return fmt.Errorf("pattern: expected none, since %q reads from the keyword on", r.Reads)
		}
	default:
		return fmt.Errorf("reads: %q: expected one of the readers that are named in the documentation", r.Reads)
	}
	if _, err := regexp.Compile(r.Pattern); err != nil {
		return fmt.Errorf("pattern: %w", err)
	}
	if _, err := regexp.Compile(r.Except); err != nil {
		return fmt.Errorf("except: %w", err)
	}
	if r.Before < 0 {
		return errors.New("before: must not be negative")
	}
	if r.Work < 0 {
		return errors.New("work: must not be negative")
	}
	if r.Boundary != "" && r.Boundary != boundaryWord && r.Boundary != boundaryArgument {
		return fmt.Errorf("boundary: %q: expected %s or %s", r.Boundary, boundaryWord, boundaryArgument)
	}
	return nil
}
