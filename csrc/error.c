#include "card_internal.h"

#include <stdarg.h>
#include <stdio.h>

int gaudi_fail(gaudi_error *error, int code, const char *format, ...)
{
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(error->text, sizeof error->text, format, arguments);
        va_end(arguments);
    }
    return code;
}
