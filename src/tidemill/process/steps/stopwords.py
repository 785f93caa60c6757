"""Words that say nothing of what a text is about, for the languages in which keywords are looked for.

Called by `keywords` and `summary`. Beside articles, pronouns and the like these are verbs, adverbs and nouns that stand
in texts of any kind, and what web pages say of themselves ("read more", "cookies").
"""

from __future__ import annotations

_LISTS = {
    "en": """
a about above according across actually after again against ago all almost already also although always am amid
among an and another any anyone anything are aren't around as ask asked at available away back be became because
become been before began behind being below best better between beyond big bit both but by call called came can
can't cannot check click come comes coming comment comments cookies could couldn't day days did didn't different do
does doesn't doing don't done down during each early easily either else end enough especially even ever every
everyone everything example far feel few find first five following for found four from full further gave get gets
getting give given go goes going good got great had hadn't half happen hard has hasn't have haven't having he he's
help her here here's hers herself high him himself his home how however i i'd i'll i'm i've idea if important in
include included includes including inside instead into is isn't it it's its itself just keep kind know known large
last late later latest least left less let let's like likely little long look looking lot made main make makes
making many may maybe me mean means might mine minute minutes moment month months more most mostly much must my
myself near nearly need needs never new news next nice no nobody non none nor not nothing now number of off often
ok old on once one ones only onto open or other others our ours ourselves out outside over own page part per
perhaps place please point possible put quite rather read really recent recently right said same saw say saying
says second see seem seems seen several shall she should shouldn't show shows side simple simply since site six
small so some someone something sometimes soon still such sure take taken takes taking ten than that that's the
their theirs them themselves then there there's these they they're thing things think third this those though
thought three through throughout thus time times to today together told too took top toward towards tried true try
trying turn two under until up upon us use used uses using usually various very view want wants was wasn't way ways
we we're we've week weeks well went were weren't what what's whatever when where whether which while who who's
whole whom whose why will with within without won't work works world would wouldn't year years yes yesterday yet
you you'll you're you've your yours yourself able added add along amount based brand content copyright create
created current currently date easy email enjoy ensure entire experience fact features feature final form free
general hear hours hour information it'll item items learn level line list live longer looks low match max min name
needed note offer offers order original people person popular post posted posts previous price process product
products provide provides published quickly range ready reason related reply required result results rights review
run search section select send sent set share short sign similar single size special start started starting stay
step stop story style subscribe support team tell thanks thank tips title total type understand unique update
updated via wait walk watch website word words written wrong""",
    "es": """
a acuerdo además adonde ahí ahora al algo alguien algún alguna algunas alguno algunos allá allí ambos año años ante
antes aquel aquella aquellas aquello aquellos aquí así aún aunque ayer bajo bastante bien buen buena buenas bueno
buenos cada casi cerca cierta cierto como cómo con conmigo contra cosa cosas creo cual cuál cuales cualquier
cualquiera cuando cuándo cuanto cuánto cuenta da dado dan dar de debe deben debido decir dejar del demás dentro
desde después día días dice dicen dicho dijo donde dónde dos durante e el él ella ellas ello ellos embargo en
encima entonces entre era eran eres es esa esas ese eso esos esta está estaba estaban estado están estar estará
estas este esto estos estoy estuvo existe existen fin forma fue fuera fueron gracias gran grande grandes ha había
habían haber hace hacen hacer hacia han hasta hay haya he hecho hizo hora horas hoy hubo iba igual incluso ir junto
la las le lejos les llegar lleva llevar lo los luego lugar más mayor me mediante medio mejor menor menos mes meses
mi mí mía mientras mio mis misma mismas mismo mismos momento mucha muchas mucho muchos muy nada nadie ni ningún
ninguna ninguno no nos nosotros nuestra nuestras nuestro nuestros nueva nuevas nuevo nuevos nunca o os otra otras
otro otros para parece parte pasado pero persona personas pesar poca pocas poco pocos podemos poder podrá podría
por porque posible primer primera primeras primero primeros propia propio próximo pudo puede pueden pues punto que
qué quedó querer quien quién quienes quiere realizar realizado saber sabe se sea sean según segunda segundo seis
ser será serán sería si sí sido siempre siendo siete sigue siguiente sin sino sobre sola solamente solo sólo son su
sus suya suyo tal tales también tampoco tan tanta tanto te tendrá tener tengo tenía ti tiempo tiene tienen toda
todas todavía todo todos tras tres través tu tú tus última últimas último últimos un una unas uno unos usted
ustedes va vamos van varias varios ve veces ver vez vida visto volver voy vuelve y ya yo leer cookies sitio web
página contenido comentarios artículo noticias ayuda usar uso tipo manera cuatro cinco millones cuya cuyo cuyos
semana semanas lunes martes miércoles jueves viernes sábado domingo enero febrero marzo abril mayo junio julio
agosto septiembre octubre noviembre diciembre""",
    "de": """
ab aber ach acht alle allein allem allen aller allerdings alles als also am an andere anderem anderen anderer
anderes anders auch auf aus außer außerdem bald bei beide beiden beim bereits besonders besser bestimmt bevor bin
bis bist bleibt bleiben da dabei dadurch dafür dagegen daher dahin damals damit danach daneben dann daran darauf
daraus darf darin darüber darum darunter das dass davon davor dazu dein deine deinem deinen deiner dem den denen
denn dennoch der deren des deshalb dessen dich die dies diese dieselbe diesem diesen dieser dieses dir doch dort
drei du durch dürfen eben ebenfalls ebenso eher eigenen eigentlich ein eine einem einen einer eines einfach einige
einigen einiger einiges einmal einzelne ende entweder er erst erste ersten erster es etwa etwas euch euer eure fast
fest finden findet früher fünf für gab ganz ganze ganzen gar geben gegen gegenüber geht gehen genau gerade gern
gibt ging gleich groß große großen großer gut gute guten guter hab habe haben hält hat hatte hatten hätte hätten
hier hin hinter ich ihm ihn ihnen ihr ihre ihrem ihren ihrer ihres im immer in indem innerhalb ins insgesamt ist ja
jahr jahre jahren jede jedem jeden jeder jedes jedoch jetzt jener kam kann kannst kaum kein keine keinem keinen
keiner kleine kleinen komme kommen kommt können könnte könnten kurz lang lange langen lassen lässt leben leicht
letzte letzten lieber liegt machen macht mal man manche manchmal mehr mein meine meinem meinen meiner meist meisten
menschen mich mir mit möchte mögen möglich müssen muss musste nach nachdem nächste nächsten natürlich neben nein
neu neue neuen neuer neues nicht nichts nie niemand noch nun nur ob oben oder oft ohne paar pro rund sagen sagt
sagte schon sehr sei seien sein seine seinem seinen seiner seines seit seitdem selbst setzt sich sicher sie sieht
sind so sobald sogar solche solchen soll sollen sollte sollten somit sondern sonst sowie später statt steht stehen
stellt tag tage tagen teil tun über überhaupt um und uns unser unsere unserem unseren unserer unter viel viele
vielen vieler vielleicht vier vom von vor war waren warum was weil weiter weitere weiteren weiterhin welche welchem
welchen welcher welches wenig wenige weniger wenn wer werde werden wie wieder will wir wird wirklich wo wohl wollen
worden wurde wurden würde würden zehn zeigt zeit zu zudem zuletzt zum zunächst zur zurück zwar zwei zwischen
cookies seite inhalt artikel kommentare lesen uhr montag dienstag mittwoch donnerstag freitag samstag sonntag
januar februar märz april mai juni juli august september oktober november dezember woche wochen monat monate
monaten dank""",
    "fr": """
à afin ai ainsi ait alors an ans année années après as assez au aucun aucune aujourd'hui auquel aussi autant autour
autre autres aux auxquels avaient avait avant avec avez avoir avons ayant beaucoup bien bon bonne bonnes bons c'est
car ce ceci cela celle celles celui cent cependant certain certaine certaines certains ces cet cette ceux chacun
chaque chez chose choses ci cinq comme comment contre côté d'un d'une dans de début dehors déjà depuis dernier
dernière derniers des dès deux devant devenir devient devrait dire dit dix doit doivent donc donner dont du durant
elle elles en encore enfin ensuite entre environ est et étaient était état étant etc été être eu eux fait faire
fallait falloir faut fin fois font furent fut grand grande grandes grands grâce hier hors ici il ils j'ai jamais je
jour jours jusqu jusqu'à jusque l'on la là laquelle le lequel les lesquelles lesquels leur leurs lieu loin long
lors lorsque lui ma mais malgré me même mêmes mes mettre mieux mis moi moins mois moment mon monde n'a n'est ne ni
nombre non nos notamment notre nous nouveau nouveaux nouvelle nouvelles on ont or ou où outre par parce parfois
parmi part partie partir pas passé pendant permet peu peut peuvent plupart plus plusieurs plutôt point pour
pourquoi pourrait pouvoir pouvez première premier premiers prendre près presque pris puis puisque qu'il qu'elle
qu'on qu'un qu'une quand quatre que quel quelle quelles quelque quelques quels qui quoi rien s'est sa sans sauf se
seconde selon sept sera seraient serait seront ses seul seule seulement si sinon six soi soit sommes son sont sous
souvent suis suivant sur ta tandis tant te tel telle telles tels temps tes toi ton toujours tous tout toute
toutefois toutes très trois trop trouve trouver tu un une uns va vais vers veut via vie vient voici voilà voir vont
vos votre vous vraiment y cookies site page lire article contenu commentaires semaine semaines heures heure lundi
mardi mercredi jeudi vendredi samedi dimanche janvier février mars avril mai juin juillet août septembre octobre
novembre décembre personnes façon cas aime""",
    "it": """
a abbastanza abbia abbiamo ad adesso agli ai al alcun alcuna alcune alcuni alcuno all alla alle allo allora altra
altre altri altro anche ancora anni anno anzi appena attraverso avendo aver avere aveva avevano avrà avrebbe avuto
basta ben bene bisogna buon buona c'è casa cento che chi chiunque ci ciascuno ciò cioè circa come comunque con
contro cosa cose così cui d'un da dagli dai dal dall dalla dalle dallo davanti degli dei del dell della delle dello
dentro detto deve devono di dice dire dopo dove dovrà dovrebbe due durante e è ecco ed entro era erano eravamo
essendo essere essi esso fa fare fatto fin finché fine fino forse fra fu fuori furono già giorni giorno gli grande
grandi ha hai hanno ho i ieri il importante in indietro infatti infine inoltre insieme intanto intorno invece io
l'ha la là lavoro le lei li lì lo loro lui lungo ma mai male meglio meno mentre mese mesi mi mia mie miei mila mio
modo molta molte molti molto momento nazionale ne né negli nei nel nell nella nelle nello nemmeno neppure nessun
nessuna nessuno niente noi non nostra nostre nostri nostro nuova nuove nuovi nuovo nulla o oggi ogni ognuno oltre
oppure ora ore parte particolare per perché però persone persona più piuttosto poche pochi poco poi possibile
possono posto potrà potrebbe prima primo primi prime proprio può punto qua qual quale qualche qualcosa qualcuno
quali quando quanta quante quanti quanto quasi quattro quel quell quella quelle quelli quello questa queste questi
questo qui quindi quinto rispetto sa sarà saranno sarebbe scorso se secondo sei sembra sempre senza sette si sia
siamo siano sino sono sopra soprattutto sotto stata state stati stato stessa stesse stessi stesso su sua subito sue
sugli sui sul sull sulla sulle sullo suo suoi tale tali tanta tante tanti tanto te tempo ti tra tre troppo tu tua
tue tuo tuoi tutta tuttavia tutte tutti tutto ultima ultimi ultimo un una undici uno va vai vale vari varie vengono
verrà verso vi via viene vita voi volta volte vostra vostro cookie sito pagina leggi articolo contenuto commenti
lunedì martedì mercoledì giovedì venerdì sabato domenica gennaio febbraio marzo aprile maggio giugno luglio agosto
settembre ottobre novembre dicembre settimana settimane""",
    "pt": """
a à acordo agora ainda além algo alguém algum alguma algumas alguns ali ambos ano anos ante antes ao aos apenas
apesar após aquela aquelas aquele aqueles aqui aquilo as às assim até atrás através baixo bastante bem boa boas bom
bons cada caso cerca cinco coisa coisas com como conforme contra contudo cuja cujo da dado daquele dar das de
debaixo deixar dela delas dele deles demais dentro depois desde dessa desse desta deste deve devem deverá dia dias
disse disso disto diz dizem dizer do dois dos duas durante e é ela elas ele eles em embora enquanto entanto então
entre era eram és essa essas esse esses esta está estamos estão estar estas estava estavam este esteve estes estou
eu existe existem faz fazem fazendo fazer feita feito fez ficar ficou fim foi for foram forma fora fosse grande
grandes há haver havia hoje hora horas igual inclui ir isso isto já lá lado lhe lhes lo logo longe lugar maior
maioria mais mal mas máximo me meio melhor menor menos mês meses mesma mesmas mesmo mesmos meu meus mil minha
minhas momento muita muitas muito muitos na nada não naquele nas nem nenhum nenhuma nessa nesse nesta neste ninguém
no nome nos nós nossa nossas nosso nossos nova novas novo novos num numa nunca o obrigado oito onde ontem os ou
outra outras outro outros para parece parte partir pela pelas pelo pelos perto pessoa pessoas pode podem poderá
podia põe pois ponto por porque porquê portanto possível pouca pouco poucos primeira primeiras primeiro primeiros
própria próprio próximo pude qual quais qualquer quando quanto quase quatro que quê quem quer querem quero são se
segunda segundo sei seis seja sejam sem sempre sendo ser será serão seria sete seu seus sido sim só sob sobre
somente sou sua suas tal tais talvez também tanta tanto tão tarde te tem têm temos tempo tendo tenha tenho tentar
ter terá teu teve tinha tinham tipo tive toda todas todavia todo todos três tu tua tudo última últimas último
últimos um uma umas uns vai vão vários vem ver vez vezes vida vindo você vocês volta vos cookies site página leia
artigo conteúdo comentários semana semanas segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado
domingo janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro""",
    "nl": """
aan achter af al alle alleen allemaal alles als altijd ander andere anderen anders beide beetje ben beste beter bij
bijna bijvoorbeeld binnen bent blijft blijven boven buiten daar daarbij daardoor daarmee daarna daarom daarop dag
dagen dan dat de deel deze die dit doe doen doet door doordat drie dus echt echter een één eens eerst eerste eigen
eigenlijk elk elke en enige enkele er erg ergens ervan even gaan gaat gaf ge geef geen gedaan geeft gegeven gekomen
geld geleden gemaakt genoeg geweest geworden ging goed goede groot grote had hadden hand haar heb hebben hebt heeft
heel hele hem hen het hier hij hoe hoewel hoog hun ieder iedere iedereen iemand iets ik in ja jaar jaren je jij jou
jouw jullie kan kant kijken klein kleine komen komt kon konden kunnen kunt laat laatste lang lange langer later
laten leven liever maak maakt maakte maar maken man mannen me meer meest meeste men mensen met meteen mij mijn
minder misschien moest moet moeten mogelijk na naar naast nadat nam natuurlijk nee neemt net niemand niet niets
nieuw nieuwe nieuws nodig nog nooit nu of om omdat onder ondanks ongeveer ons onze ook op over paar per plaats
precies rond samen sinds slechts snel soms staan staat steeds te tegen ten ter terug terwijl tijd tijdens toch toe
toen tot tussen twee tweede u uit uw uur vaak van vanaf vandaag vanuit vanwege veel ver verder vele verschillende
vier vijf vind vinden vindt volgende volgens voor vooral voordat vraag vrij waar waarbij waardoor waarin waarmee
waarom waarop wanneer want waren was wat we week weken weer weet weinig wel welke werd werden werk weten wie wij
wil willen worden wordt wou zal ze zeer zeggen zegt zei zeker zelf zelfs zes zich zien ziet zij zijn zo zoals zodat
zonder zou zouden zulke zullen cookies site pagina lees artikel inhoud reacties maandag dinsdag woensdag donderdag
vrijdag zaterdag zondag januari februari maart april mei juni juli augustus september oktober november december
maand maanden""",
}
STOPWORDS = {language: frozenset(words.split()) for language, words in _LISTS.items()}
"""By ISO 639-1 code, lower case."""
