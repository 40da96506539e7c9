/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ops;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Properties;

/**
 * Version and commit of this build.
 *
 * @param version of the product
 * @param commit abbreviated hash of the source, with "-dirty" if there were uncommitted changes;
 *     "unknown" if it was built outside a Git repository
 */
public record BuildInfo(String version, String commit) {

  /** Reads the properties that the build wrote next to this class. */
  public static BuildInfo current() {
    try (InputStream in = BuildInfo.class.getResourceAsStream("build.properties")) {
      if (in == null) {
        throw new IllegalStateException("build.properties is missing from the jar");
      }
      Properties properties = new Properties();
      properties.load(in);
      return new BuildInfo(properties.getProperty("version"), properties.getProperty("commit"));
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read build.properties from the jar", e);
    }
  }

  @Override
  public String toString() {
    return "luigi-operator " + version + " (" + commit + ")";
  }
}
