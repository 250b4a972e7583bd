import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

/** Both of Java's clients: Client.java URL */
public class Client {
    public static void main(String[] arguments) throws Exception {
        URI address = URI.create(arguments[0]);
        var modern = HttpClient.newHttpClient().send(HttpRequest.newBuilder(address).build(), HttpResponse.BodyHandlers.ofString());
        System.out.println("java " + modern.version() + " " + modern.statusCode());
        var old = (javax.net.ssl.HttpsURLConnection) address.toURL().openConnection();
        System.out.println("java old " + old.getResponseCode());
    }
}
