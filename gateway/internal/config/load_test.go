package config

import (
	"testing"

	"qingfeng/configs"
)

func noEnv(string) string { return "" }

func TestLoadWithoutFileGivesTheBuiltInHospital(t *testing.T) {
	c, err := Load("", noEnv, configs.Files)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(len(c.Organisation().Departments))
}
