package org.smsline.companion;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** Marks code that calls a platform newer than API 26 and is reached only behind a check of {@code SDK_INT}; the API check of the build skips it. */
@Retention(RetentionPolicy.CLASS)
@Target({ElementType.METHOD, ElementType.TYPE})
@interface NewApi {
    int value();
}
