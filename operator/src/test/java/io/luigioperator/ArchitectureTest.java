/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Allowed dependencies: package run has none to the outside, each client library has one place. */
class ArchitectureTest {
  private static final String ROOT = "io.luigioperator";

  private static JavaClasses classes;

  @BeforeAll
  static void read() {
    classes =
        new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .withImportOption(place -> !place.contains("/io/luigioperator/testing/"))
            .importPackages(ROOT);
    assertThat(classes.size()).describedAs("classes found").isGreaterThan(50);
  }

  /** The API types use only annotations and model types of fabric8, which send no requests. */
  private static final DescribedPredicate<JavaClass> CLIENTS =
      resideInAnyPackage(
              "io.fabric8.kubernetes.client..",
              "io.javaoperatorsdk..",
              "org.jdbi..",
              "java.sql..",
              "javax.sql..",
              "com.zaxxer..",
              "org.flywaydb..",
              "com.mysql..",
              "java.net..",
              "com.sun.net..",
              "io.micrometer..",
              "software.amazon..")
          .as("a client library");

  /** What a pure class must not use: clients, clocks, randomness, threads, loggers, files. */
  private static final DescribedPredicate<JavaClass> IMPURE =
      CLIENTS
          .or(
              resideInAnyPackage(
                  "org.slf4j..",
                  "ch.qos.logback..",
                  "java.util.concurrent..",
                  "java.util.random..",
                  "java.nio.file..",
                  "java.io.."))
          .or(
              named(
                  "java.lang.Thread",
                  "java.lang.System",
                  "java.lang.Runtime",
                  "java.lang.ProcessBuilder",
                  "java.util.Random",
                  "java.util.UUID",
                  "java.util.Timer",
                  "java.security.SecureRandom",
                  "java.time.Clock"))
          .as("a client, clock, source of randomness, thread, logger or file");

  private static DescribedPredicate<JavaClass> named(String... names) {
    return DescribedPredicate.describe(
        "named " + List.of(names), c -> List.of(names).contains(c.getName()));
  }

  /** Global state that is not passed in: clocks, randomness, the environment, the process. */
  private static final DescribedPredicate<JavaAccess<?>> AMBIENT =
      DescribedPredicate.describe(
          "a clock, UUID source, sleep, environment variable or exit",
          access -> {
            String target = access.getTargetOwner().getName() + "." + access.getTarget().getName();
            return Set.of(
                        "java.time.Clock.systemUTC",
                        "java.time.Clock.systemDefaultZone",
                        "java.time.InstantSource.system",
                        "java.util.UUID.randomUUID",
                        "java.lang.Thread.sleep",
                        "java.util.concurrent.TimeUnit.sleep",
                        "java.lang.System.currentTimeMillis",
                        "java.lang.System.getenv",
                        "java.lang.System.exit",
                        "java.lang.Runtime.halt")
                    .contains(target)
                || target.startsWith("java.time.") && target.endsWith(".now");
          });

  /** Besides the loops, all classes of these packages are pure. */
  private static final DescribedPredicate<JavaClass> PURE =
      resideInAnyPackage(ROOT + ".run..", ROOT + ".schedule..")
          .or(
              resideInAPackage(ROOT + ".admission..")
                  .and(DescribedPredicate.not(family("AdmissionLoop"))))
          .as("the pure classes");

  /** A top-level class with its nested classes. */
  private static DescribedPredicate<JavaClass> family(String simpleName) {
    return DescribedPredicate.describe(
        simpleName, c -> c.getName().matches(".*\\." + simpleName + "(\\$.*)?"));
  }

  static Stream<ArchRule> rules() {
    return Stream.of(
        noClasses().that(PURE).should().dependOnClassesThat(IMPURE),
        only("io.javaoperatorsdk..", ".reconcile", ""),
        only("org.jdbi..", ".ledger"),
        only("org.flywaydb..", ".ledger"),
        only("com.zaxxer..", ".ledger"),
        only("java.sql..", ".ledger"),
        only("javax.sql..", ".ledger"),
        only("software.amazon..", ".intake"),
        only("io.micrometer..", ".ops", ".ledger"),
        only("com.sun.net.httpserver..", ".ops"),
        // the API types extend the CustomResource of fabric8
        only("io.fabric8.kubernetes.client..", ".job", ".reconcile", "", ".api"),
        noClasses()
            .that()
            .resideOutsideOfPackage(ROOT)
            .should()
            .accessTargetWhere(AMBIENT)
            .because(
                "time, UUIDs and settings are passed in as arguments, and code waits for conditions"),
        slices().matching(ROOT + ".(*)..").should().beFreeOfCycles(),
        noClasses()
            .should()
            .resideInAnyPackage("..utils..", "..util..", "..common..", "..helpers..")
            .because("a package is named after its purpose"));
  }

  private static ArchRule only(String of, String... packages) {
    return noClasses()
        .that()
        .resideOutsideOfPackages(Stream.of(packages).map(ROOT::concat).toArray(String[]::new))
        .should()
        .dependOnClassesThat()
        .resideInAPackage(of);
  }

  @ParameterizedTest
  @MethodSource("rules")
  void rule(ArchRule rule) {
    rule.check(classes);
  }

  @Test
  void everyPackageHasAPackageInfo() throws IOException {
    Path sources = Path.of("src/main/java");
    try (Stream<Path> files = Files.walk(sources)) {
      List<Path> missing =
          files
              .filter(Files::isDirectory)
              .filter(ArchitectureTest::holdsCode)
              .filter(dir -> Files.notExists(dir.resolve("package-info.java")))
              .toList();
      assertThat(missing).isEmpty();
    }
  }

  private static boolean holdsCode(Path dir) {
    try (Stream<Path> files = Files.list(dir)) {
      return files.anyMatch(f -> f.toString().endsWith(".java"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
