package secretredaction

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap/confmaptest"
)

// load reads one block of testdata/config.yaml.
func load(t testing.TB, name string) (*Config, error) {
	t.Helper()
	file, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	block, err := file.Sub(component.NewIDWithName(component.MustNewType("secretredaction"), name).String())
	require.NoError(t, err)
	config := createDefaultConfig().(*Config)
	require.NoError(t, block.Unmarshal(config))
	return config, config.Validate()
}

func TestConfigIsValid(t *testing.T) {
	config, err := load(t, "")
	require.NoError(t, err)
	require.Equal(t, []string{"service.name", "acme.*"}, config.AllowedKeys)
}

func TestConfigErrorsNameTheKey(t *testing.T) {
	for name, expected := range map[string]string{
		"no_rules":     "rules: must not be empty",
		"bad_pattern":  "rules[0] (example-token): pattern: error parsing regexp",
		"bad_keyword":  `rules[0] (example-token): keywords: "Example_": expected lower-case ASCII`,
		"bad_boundary": `rules[0] (example-token): boundary: "line": expected word or argument`,
		"bad_key":      `allowed_keys[0]: "a.*.b": expected a key, or a prefix and one * at its end`,
		"twice":        `rules[1]: the name "example-token" is used twice`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, name)
			require.ErrorContains(t, err, expected)
		})
	}
}

func TestDefaultConfigDoesNotStart(t *testing.T) {
	require.Error(t, createDefaultConfig().(*Config).Validate())
}
