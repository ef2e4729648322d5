//! The variables that official images set, where no engine knows the image.

use super::fix::official;

/// Whether an image sets a variable besides `PATH`; None where that is not known.
pub fn sets(image: &str, variable: &str) -> Option<bool> {
    let name = official(image)?;
    let (_, variables) = KNOWN.iter().find(|(names, _)| names.contains(&name))?;
    Some(variables.split_whitespace().any(|other| other == variable))
}

/// Images, and their variables with blanks between.
const KNOWN: &[(&[&str], &str)] = &[
    (
        &[
            "almalinux",
            "alpine",
            "amazonlinux",
            "buildpack-deps",
            "busybox",
            "centos",
            "debian",
            "rockylinux",
            "ubuntu",
        ],
        "",
    ),
    (&["fedora"], "DISTTAG FGC FBR container"),
    (&["golang"], "GOLANG_VERSION GOPATH GOTOOLCHAIN"),
    (&["httpd"], "HTTPD_PATCHES HTTPD_PREFIX HTTPD_SHA256 HTTPD_VERSION"),
    (&["eclipse-temurin", "openjdk", "amazoncorretto"], "JAVA_HOME JAVA_URL JAVA_VERSION LANG LANGUAGE LC_ALL"),
    (&["nginx"], "ACME_VERSION DYNPKG_RELEASE NGINX_VERSION NJS_RELEASE NJS_VERSION PKG_RELEASE"),
    (&["node"], "NODE_VERSION YARN_VERSION"),
    (
        &["php"],
        "APACHE_CONFDIR APACHE_ENVVARS GPG_KEYS PHPIZE_DEPS PHP_ASC_URL PHP_CFLAGS PHP_CPPFLAGS PHP_EXTRA_BUILD_DEPS PHP_EXTRA_CONFIGURE_ARGS PHP_INI_DIR PHP_LDFLAGS PHP_MD5 PHP_SHA256 PHP_URL PHP_VERSION",
    ),
    (
        &["python"],
        "GPG_KEY LANG PYTHON_GET_PIP_SHA256 PYTHON_GET_PIP_URL PYTHON_PIP_VERSION PYTHON_SETUPTOOLS_VERSION PYTHON_SHA256 PYTHON_VERSION",
    ),
    (
        &["ruby"],
        "BUNDLER_VERSION BUNDLE_APP_CONFIG BUNDLE_BIN BUNDLE_PATH BUNDLE_SILENCE_ROOT_WARNING GEM_HOME LANG RUBYGEMS_VERSION RUBY_DOWNLOAD_SHA256 RUBY_DOWNLOAD_URL RUBY_MAJOR RUBY_VERSION",
    ),
    (&["rust"], "CARGO_HOME RUSTUP_HOME RUST_VERSION"),
];
