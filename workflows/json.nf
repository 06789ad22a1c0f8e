// JSON: a strict parser does not know the classes of groovy.json by themselves.

def json(name) {
    return Class.forName("groovy.json.${name}")
}

/** Parsed JSON, or null when the text is none. */
def parseJson(text) {
    try {
        return json('JsonSlurper').getDeclaredConstructor().newInstance().parseText(text)
    }
    catch (RuntimeException _error) {
        return null
    }
}
